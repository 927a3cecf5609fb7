"""
Jinja templates of this package: what is put into one is escaped, and what is not given is an error.

Promise: read once; a name that a template asks for and nobody gives never becomes an empty place.
"""

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined


@cache
def templates(folder: str) -> Environment:
    """Return the templates of a folder of the package, such as ``templates/documents``."""
    return Environment(
        loader=PackageLoader("migrate", folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
