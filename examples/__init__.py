"""Worked examples: a tenant with a legacy system that is worth leaving."""
