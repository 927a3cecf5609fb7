"""The legacy system of the demo tenant, a Pulumi project of its own."""
