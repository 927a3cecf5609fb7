"""Benchmarks: each compares Bascule with what else there is, in one run on the same data."""
