"""The Pulumi provider ``bascule``: a plugin process that the engine starts and asks over gRPC."""
