"""Bascule."""
