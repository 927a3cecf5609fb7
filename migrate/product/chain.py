"""
The upgrade chain: hop by hop from a tenant's version to the one that it shall have.

Promise: each hop's SQL is one transaction that ends with a look at the version, so an interrupted chain goes
on at the hop that it stood before; a version that no hop leads on from is refused before anything is done.
"""

from collections.abc import Sequence
from pathlib import Path
from time import monotonic

import psycopg
from pydantic import AwareDatetime

from migrate import remote
from migrate.databases import Database
from migrate.product.description import Hop, Product, ProductError, UpgradeStep
from migrate.product.installation import require_version, version_in
from migrate.step import Progress
from provisioning.model import Model

COMMAND_SECONDS = 3600.0
_FOLDER = ".bascule/upgrade"
_COMMAND = """
cd {folder} || exit 1
export PGPASSFILE=./pgpass PGHOST PGPORT PGDATABASE PGUSER PGOPTIONS
export PGSSLMODE=verify-full PGSSLROOTCERT=./ca.pem
. ./where
sh ./command; status=$?
cd; rm -rf {folder}
exit $status
"""


class HopDone(Model):
    """One hop, and what of it applied to this tenant."""

    from_version: str
    to_version: str
    steps: tuple[str, ...]
    seconds: float


class Upgraded(Model):
    """Evidence ``upgrade-test`` and ``upgrade-prod``."""

    attempt: str
    environment: str
    started_from: str
    to_version: str
    hops: tuple[HopDone, ...]
    seconds: float
    ended_at: AwareDatetime


def path(product: Product, version: str, to: str) -> tuple[Hop, ...]:
    """
    Return the hops from one version to another; none where both are the same.

    Raises:
        ProductError: A version is unknown, the way ends before `to`, or it leads past it.
    """
    product.rank(to)
    found: list[Hop] = []
    by_start = {hop.from_: hop for hop in product.upgrades}
    at = version
    while product.rank(at) < product.rank(to):
        hop = by_start.get(at)
        if hop is None:
            raise ProductError(
                f"{product.name} has no way on from version {at} towards {to}",
                state="Nothing was changed.",
                next_step="ask the vendor for a product folder with that step",
            )
        found.append(hop)
        at = hop.to
    if at != to:
        raise ProductError(
            f"{product.name}: the way from {version} leads past {to} to {at}, or {at} is newer"
        )
    return tuple(found)


def applying(hop: Hop, started_from: str) -> tuple[UpgradeStep, ...]:
    """Return the steps of a hop that a tenant takes whose upgrade began at a version."""
    return tuple(step for step in hop.steps if not step.started_from or started_from in step.started_from)


def upgrade(
    database: Database,
    owner: str,
    product: Product,
    folder: Path,
    *,
    started_from: str,
    to: str,
    told: Progress,
) -> tuple[HopDone, ...]:
    """
    Bring an installation from the version that it tells to `to`; what is done already is not done again.

    Args:
        owner: The role that owns the product's schemas.
        folder: The product's.
        started_from: The version that the tenant had before the first hop, which decides on extra steps.

    Raises:
        ProductError: A step failed; the installation stands at the version before that hop.
    """
    with database.opened(role=owner) as session:
        hops = path(product, version_in(session, product), to)
    done = []
    for hop in hops:
        began, steps = monotonic(), applying(hop, started_from)
        for step in steps:
            if step.command:
                _command(database, owner, folder / step.command, hop, step)
        _in_one_transaction(database, owner, product, folder, hop, [step for step in steps if step.sql])
        done.append(
            HopDone(
                from_version=hop.from_,
                to_version=hop.to,
                steps=tuple(step.name for step in steps),
                seconds=round(monotonic() - began, 3),
            )
        )
        told.say(
            f"{product.name} {hop.from_} → {hop.to}: {', '.join(done[-1].steps)} in {done[-1].seconds:.1f} s"
        )
    return tuple(done)


def _in_one_transaction(
    database: Database, owner: str, product: Product, folder: Path, hop: Hop, steps: Sequence[UpgradeStep]
) -> None:
    with database.opened(role=owner) as session, session.transaction():
        for step in steps:
            try:
                session.execute((folder / step.file).read_bytes())
            except psycopg.Error as error:
                said = (error.diag.message_primary or str(error)).splitlines()[0]
                raise _failed(database, hop, step, said) from error
        try:
            require_version(session, product, hop.to)
        except ProductError as error:
            raise _failed(database, hop, steps[-1] if steps else hop.steps[-1], error.what) from error


def _command(database: Database, owner: str, script: Path, hop: Hop, step: UpgradeStep) -> None:
    end = database.endpoint
    where = f"PGHOST={end.host} PGPORT={end.port} PGDATABASE={end.dbname} PGUSER={end.user}\n"
    where += f"PGOPTIONS='-c role={owner}'\n"
    files = {
        "command": script.read_bytes(),
        "pgpass": end.pgpass,
        "ca.pem": end.ca.encode(),
        "where": where.encode(),
    }
    remote.write_folder(database.through, _FOLDER, files, doing="handing an upgrade's command over")
    done = remote.attempt(database.through, _COMMAND.format(folder=_FOLDER), timeout_seconds=COMMAND_SECONDS)
    if done.status != 0:
        raise _failed(database, hop, step, f"it ended with {done.status}: {done.errors or done.text}")


def _failed(database: Database, hop: Hop, step: UpgradeStep, said: str) -> ProductError:
    return ProductError(
        f"{database.name}: {step.name} of the upgrade from {hop.from_} to {hop.to} failed: {said}",
        state=f"The installation there stands at {hop.from_}; legacy is as it was.",
        next_step=f"correct {step.file} in the product's folder, then fab run",
    )
