"""
A site and its program: that they are one after a step has changed either.

Promise: reads only; where they differ, it is said in the engine's own words.
"""

from provisioning.engine import Stack
from provisioning.errors import SiteError

_MOST_SHOWN = 2000


def require_match(stack: Stack, why: str, *, state: str) -> None:
    """
    Require that a stack is what its program says.

    Args:
        why: What differs from what and since when, such as ``differs from its program after an update``.
        state: Where things stand then.

    Raises:
        SiteError: It is not; says in what.
        EngineError: The engine failed.
    """
    matches, said = stack.matches_its_program()
    if not matches:
        raise SiteError(
            f"{stack.name} {why}:\n{said.strip()[-_MOST_SHOWN:]}",
            state=state,
            next_step=f"pulumi preview --refresh --diff -s {stack.name}",
        )
