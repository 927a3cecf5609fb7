"""Drift: which stacks are no longer what their programs say, and in what; one file an idea."""
