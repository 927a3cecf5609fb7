"""A trial in a real AWS account, `make test-aws`: apart from `make test`, since it costs money and time."""
