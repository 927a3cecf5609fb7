"""
What all facts of an assessment are made of, and how engines are called.

Promise: facts are frozen, and an unknown field is refused.
"""

from pydantic import BaseModel, ConfigDict

_PRODUCTS = {"postgresql": "PostgreSQL", "mariadb": "MariaDB"}


class Facts(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def product(engine: str) -> str:
    """How people call an engine."""
    return _PRODUCTS[engine]
