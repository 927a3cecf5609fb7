"""
What of a tenant's product its price depends on: customisations by kind and size, and how old it is.

Promise: read from evidence alone; a tenant whose product was not looked at demands nothing of it.
"""

from migrate.case import Case
from migrate.product import customisations, installation
from migrate.product.order import has_order
from migrate.rates import Customised


def demanded(case: Case) -> tuple[tuple[Customised, ...], tuple[str, ...]]:
    """
    Return the tenant's customisations, and the versions that came after its own.

    Raises:
        EvidenceError: The tenant ordered an upgrade, yet its product was not looked at, or that was changed.
    """
    if not has_order(case):
        return (), ()
    found = customisations.kept(case).found
    newer = installation.kept(case).newer
    return tuple(Customised(kind=one.kind, name=one.name, lines=one.lines) for one in found), newer
