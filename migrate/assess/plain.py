"""
How engines are called.

Promise: every engine that a manifest may name is here.
"""

_PRODUCTS = {"postgresql": "PostgreSQL", "mariadb": "MariaDB"}


def product(engine: str) -> str:
    """How people call an engine."""
    return _PRODUCTS[engine]
