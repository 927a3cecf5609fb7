"""
Upgrading the installation on a site: what the customer made is set aside, the chain is run, rights are given.

Promise: repeated, it goes on where it stood; an installation that tells the wanted version is left alone.
"""

from datetime import UTC, datetime
from time import monotonic

from migrate.product import chain, customisations, put_back
from migrate.product.chain import Upgraded
from migrate.product.installation import kept, owner_of, site_of, version_in
from migrate.product.order import Ordered
from migrate.step import StepContext
from migrate.transfer.postgresql_bulk import grant
from provisioning.manifest import Environment


def upgrade(ctx: StepContext, ordered: Ordered, environment: Environment) -> Upgraded:
    """
    Bring a site's installation to the version that was ordered.

    Raises:
        ProductError: A version is unknown, or a step of the chain failed.
    """
    database, owner = site_of(ctx.hosts, environment), owner_of(ctx.hosts, environment)
    product, found, began = ordered.product, kept(ctx.case), monotonic()
    with database.opened(role=owner) as session, session.transaction():
        if version_in(session, product) != ordered.order.to:
            aside = put_back.set_aside(session, product, customisations.kept(ctx.case))
            if aside:
                ctx.progress.say(f"set aside for the upgrade: {', '.join(aside)}")
    hops = chain.upgrade(
        database,
        owner,
        product,
        ordered.folder,
        started_from=found.version,
        to=ordered.order.to,
        told=ctx.progress,
    )
    with database.opened(role=owner) as session:
        grant(session, ctx.hosts.site(environment).database.application.name)
    return Upgraded(
        attempt=ctx.attempt,
        environment=environment,
        started_from=found.version,
        to_version=ordered.order.to,
        hops=hops,
        seconds=round(monotonic() - began, 3),
        ended_at=datetime.now(UTC),
    )
