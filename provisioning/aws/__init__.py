"""The site in pulumi-aws: one file a concern. Nothing outside this folder imports pulumi_aws."""
