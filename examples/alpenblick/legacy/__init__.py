"""The legacy system: the server in the cellar, as a Pulumi program."""
