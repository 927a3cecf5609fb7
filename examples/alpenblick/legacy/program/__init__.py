"""The Pulumi program of the legacy system."""
