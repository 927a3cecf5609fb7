"""The rules as a policy pack of Pulumi: `pulumi up --policy-pack provisioning/policy/pack` stops at them."""
