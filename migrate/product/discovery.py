"""
A look at a tenant's product on legacy: version, editions, data paths, prerequisites, customisations.

Promise: reads only; what is found is kept as evidence ``product``, ``prerequisites`` and ``customisations``.
"""

from datetime import UTC, datetime
from shlex import quote

from migrate import facts, remote
from migrate.assess import Assessment
from migrate.case import Case
from migrate.connections import Hosts
from migrate.product import chain, customisations, objects
from migrate.product.baseline import load_baseline, write_baseline
from migrate.product.customisations import Customisations
from migrate.product.description import Product
from migrate.product.installation import Installation, legacy_of, rows, version_in
from migrate.product.order import Ordered
from migrate.product.recommendation import Prerequisites, Profile, answers
from provisioning.model_file import load_model


def installation(hosts: Hosts, ordered: Ordered) -> Installation:
    """
    Look at an installation.

    Raises:
        ProductError: Its version is unknown, or no chain leads from there to the one that was ordered.
    """
    product, to = ordered.product, ordered.order.to
    with legacy_of(hosts).opened() as session:
        version = version_in(session, product)
        editions = rows(session, product, "editions", product.editions, 2) if product.editions else []
    return Installation(
        product=product.name,
        version=version,
        to=to,
        editions={str(name): str(edition) for name, edition in editions},
        data_paths=_data_paths(hosts, product),
        hops=tuple(hop.to for hop in chain.path(product, version, to)),
        newer=product.versions[product.rank(version) + 1 :],
    )


def _data_paths(hosts: Hosts, product: Product) -> dict[str, int]:
    connection, found = hosts.legacy(hosts.manifest.legacy.databases[0].host), {}
    for path in product.data_paths:
        size = remote.attempt(connection, f"du -sb {quote(path)} 2>/dev/null | cut -f1").text
        if size:
            found[path] = int(size)
    return found


def prerequisites(hosts: Hosts, ordered: Ordered, assessment: Assessment, version: str) -> Prerequisites:
    """Hold the legacy server against the vendor's recommendation."""
    profile = load_model(
        ordered.folder / ordered.product.recommendation, Profile, next_step="ask the vendor for its profile"
    )
    return Prerequisites(
        host=hosts.manifest.legacy.databases[0].host,
        measured_at=datetime.now(UTC),
        rows=answers(profile, hosts, assessment, version),
    )


def discover(case: Case, hosts: Hosts, ordered: Ordered, version: str) -> Customisations:
    """Find what differs from the vendor's baseline of that version, and keep it with its texts."""
    baseline = load_baseline(ordered.product, ordered.folder, version)
    with legacy_of(hosts).opened() as session:
        every = objects.of_legacy(hosts, session, ordered.product)
    found = customisations.compare(baseline, every)
    customisations.keep(case, found, every)
    facts.record(case.journal, customisations.FACT, holds=bool(found.found))
    return found


def make_baseline(hosts: Hosts, ordered: Ordered) -> str:
    """Write the baseline of the version that a reference installation tells; return where."""
    with legacy_of(hosts).opened() as session:
        version = version_in(session, ordered.product)
        every = objects.of_legacy(hosts, session, ordered.product)
    return str(write_baseline(ordered.product, ordered.folder, version, every))
