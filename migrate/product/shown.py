"""
A tenant's product as a person reads it in a terminal, beside the assessment.

Promise: reads only and keeps nothing; a tenant that ordered no upgrade has no lines.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from migrate.assess import Assessment
from migrate.case import Case
from migrate.connections import Hosts
from migrate.product import discovery
from migrate.product.customisations import Customisations
from migrate.product.installation import Installation
from migrate.product.order import has_order, ordered
from migrate.product.recommendation import Prerequisites


@dataclass(frozen=True)
class Looked:
    """What a look at a product found."""

    installed: Installation
    prerequisites: Prerequisites
    customisations: Customisations

    def as_json(self) -> dict[str, object]:
        """Return plain JSON values."""
        parts = {
            "product": self.installed,
            "prerequisites": self.prerequisites,
            "customisations": self.customisations,
        }
        return {name: part.model_dump(mode="json") for name, part in parts.items()}


def look(case: Case, hosts: Hosts, assessment: Assessment) -> Looked | None:
    """
    Look at a tenant's product, where an upgrade of it was ordered.

    Raises:
        ProductError: Its version is unknown, or no chain leads on from it.
    """
    if not has_order(case):
        return None
    order = ordered(case)
    installed = discovery.installation(hosts, order)
    found, _ = discovery.find(hosts, order, installed.version)
    rows = discovery.prerequisites(hosts, order, assessment, installed.version)
    return Looked(installed, rows, found)


def lines(looked: Looked | None) -> Iterator[str]:
    """Yield the screen's lines."""
    if looked is None:
        return
    installed = looked.installed
    yield ""
    hops = " → ".join(installed.hops) or "nothing"
    yield f"{installed.product} {installed.version}, to {installed.to} by {hops}"
    yield from (f"  edition    {name}: {edition}" for name, edition in installed.editions.items())
    yield from (f"  data       {path}: {size / 1e6:.1f} MB" for path, size in installed.data_paths.items())
    for row in looked.prerequisites.rows:
        yield f"  {row.verdict:14} {row.title}: {row.found} (wanted: {row.wanted})"
    found = looked.customisations
    yield f"{len(found.found)} of {found.compared} objects differ from what was delivered"
    yield from (f"  {one.change:8} {one.id} ({one.lines} lines)" for one in found.found)
    yield ""
