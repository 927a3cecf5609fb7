"""
Dry run, purge and bringing back, of the database that a tenant's manifest has rules for.

Promise: a dry run changes nothing. A purge deletes exactly what the signed dry run counted, or nothing; a
repeat after whatever ended it does not delete twice. Bringing back is whole or not at all, and repeatable.
"""

import secrets
from datetime import UTC, date, datetime
from itertools import groupby

from migrate.archive import keys
from migrate.archive.store import open_store
from migrate.case import Case
from migrate.connections import Hosts
from migrate.engines import legacy_database
from migrate.errors import DifferenceError, EvidenceError, Refused, TransferError
from migrate.purge import archive as row_archive
from migrate.purge.archive import RowArchive, folder_of
from migrate.purge.contract import PurgedDatabase, Selection
from migrate.purge.engines import PURGED
from migrate.purge.tables import Table, shown
from migrate.step import Progress
from provisioning.manifest import LegacyDatabase
from provisioning.manifest_purge import Purge
from provisioning.model import Model


class TableSize(Model):
    """What would go of one table."""

    table: str
    rows: int
    bytes: int
    kept: int
    """Rows that stay."""


class PurgePlan(Model):
    """Evidence ``purge-plan``: a dry run."""

    database: str
    as_of: date
    """The day on which ages are counted."""
    tables: tuple[TableSize, ...]

    @property
    def rows(self) -> int:
        return sum(one.rows for one in self.tables)

    @property
    def bytes(self) -> int:
        return sum(one.bytes for one in self.tables)


class Purged(Model):
    """Evidence ``purge``: archives that were made of the rows of a plan, the last one before they went."""

    plan: PurgePlan
    archives: tuple[str, ...]
    to: str
    deleted: int = 0
    """Rows; 0 as long as none were."""


class BroughtBack(Model):
    """What came of bringing rows back."""

    archives: tuple[str, ...]
    rows: int
    """Which were not there."""
    there: int
    """Which were there already."""


def rules_of(case: Case) -> Purge:
    """
    Return what the manifest says under ``purge``.

    Raises:
        Refused: It says nothing.
    """
    if case.manifest.purge is None:
        raise Refused(
            f"{case.manifest.tenant} has no rules under purge",
            state="Nothing was deleted.",
            next_step=f"write purge: into stacks/{case.manifest.tenant}.yaml",
        )
    return case.manifest.purge


def dry_run(case: Case, hosts: Hosts, as_of: date) -> PurgePlan:
    """
    Count what a purge would take, and leave everything as it is.

    Raises:
        Refused: The rules do not fit the database; says in what.
    """
    purge = rules_of(case)
    # All that it makes are temporary tables, which go with the session.
    with _legacy(case, hosts, purge).selecting(purge, as_of, held=False) as selection:
        return _plan(purge, as_of, selection)


def purge_rows(case: Case, hosts: Hosts, plan: PurgePlan, progress: Progress) -> Purged:
    """
    Export the rows of a plan, and then delete them, in one transaction.

    Raises:
        DifferenceError: Other rows would go than the plan counted, so somebody has to look again.
        TransferError: The archive could not be written; nothing was deleted then.
    """
    purge, tenant = rules_of(case), case.manifest.tenant
    before = _made_before(case, plan)
    with _legacy(case, hosts, purge).selecting(purge, plan.as_of, held=True) as selection:
        now = _plan(purge, plan.as_of, selection)
        if now.rows == 0 and before is not None:
            # It had been done when whoever did it was killed: deletion is the last thing, and whole.
            return _note(case, before.model_copy(update={"deleted": plan.rows}))
        _require_as_planned(plan, now, tenant)
        made = _export(case, selection, plan, progress)
        archives = (*(before.archives if before else ()), made.archive)
        _note(case, Purged(plan=plan, archives=archives, to=purge.archive.to))
        for table in selection.tables.order:
            deleted, wanted = selection.delete(table), _rows_of(plan, table)
            if deleted != wanted:
                raise DifferenceError(
                    f"{deleted} rows of {shown(table)} could be deleted, not {wanted}",
                    state="Nothing was deleted.",
                    next_step="see what triggers or rules that table has",
                )
    return _note(case, Purged(plan=plan, archives=archives, to=purge.archive.to, deleted=plan.rows))


def bring_back(
    case: Case, hosts: Hosts, progress: Progress, *, archive: str = "", location: str = ""
) -> BroughtBack:
    """
    Put purged rows back where they were.

    Args:
        archive: Only this one; by default all that were made for the purge.
        location: Where its medium is now; by default where it was written.

    Raises:
        TransferError: An archive is missing, damaged or not ours; nothing was put back then.
    """
    purge, tenant = rules_of(case), case.manifest.tenant
    wanted = (archive,) if archive else case.read_evidence("purge", Purged).archives
    there = dict(row_archive.found_at(location or purge.archive.to))
    if missing := [name for name in wanted if name not in there]:
        raise TransferError(
            f"{location or purge.archive.to} holds no finished archive {', '.join(missing)}",
            state="Nothing was brought back.",
            next_step=f"fab purge-restore --tenant {tenant} --from FOLDER, with the folder that holds it",
        )
    ours = keys.read_keys(case.workspace, tenant)
    every = [(there[name], row_archive.checked(there[name], ours, tenant, progress)) for name in wanted]
    engine = _login(case, purge).engine
    if others := [made.archive for _, made in every if made.engine != engine]:
        raise TransferError(
            f"{', '.join(others)} holds no rows of {engine}, which {purge.database} is",
            state="Nothing was brought back.",
        )
    rows = known = 0
    with _legacy(case, hosts, purge).returning() as back:
        for store, made in every:
            for table, chunks in groupby(made.chunks, key=lambda chunk: chunk.table):
                packed = [row_archive.packed(chunk, store, ours) for chunk in chunks]
                put = back.put(table, made.columns[shown(table)], packed)
                rows, known = rows + put, known + sum(one.rows for one in packed) - put
    case.journal.append("purge-restored", purge.database, archives=list(wanted), rows=rows)
    return BroughtBack(archives=wanted, rows=rows, there=known)


def _export(case: Case, selection: Selection, plan: PurgePlan, progress: Progress) -> RowArchive:
    purge, tenant = rules_of(case), case.manifest.tenant
    folder = keys.folder(case.workspace, tenant)
    if not (folder / "ticket.json").exists() and not (folder / "identity").exists():
        keys.make(case.workspace, tenant)
        progress.say(f"{folder / 'identity'} reads the archive; keep a copy where you keep secrets")
    ticket = keys.read_ticket(folder / "ticket.json", tenant)
    ticket = ticket.model_copy(update={"also": purge.archive.recipients})
    head = RowArchive(
        archive=f"{tenant}-{datetime.now(UTC):%Y%m%d}-{secrets.token_hex(4)}",
        tenant=tenant,
        database=purge.database,
        engine=_login(case, purge).engine,
        as_of=plan.as_of,
        recipient=ticket.recipient,
        made_at=datetime.now(UTC),
        columns={shown(table): names for table, names in selection.tables.columns.items()},
        chunks=(),
    )
    sizes = {table: _rows_of(plan, table) for table in selection.tables.order}
    store = open_store(folder_of(purge.archive.to), head.archive)
    with store.held(tenant):
        return row_archive.write(selection, sizes, head, store, ticket, purge.chunk_rows, progress)


def _plan(purge: Purge, as_of: date, selection: Selection) -> PurgePlan:
    sizes = []
    for table in sorted(selection.tables.order):
        rows, size, kept = selection.size(table)
        sizes.append(TableSize(table=shown(table), rows=rows, bytes=size, kept=kept))
    return PurgePlan(database=purge.database, as_of=as_of, tables=tuple(sizes))


def _rows_of(plan: PurgePlan, table: Table) -> int:
    return next(one.rows for one in plan.tables if one.table == shown(table))


def _require_as_planned(plan: PurgePlan, now: PurgePlan, tenant: str) -> None:
    planned = {one.table: one.rows for one in plan.tables}
    differing = [
        f"  {one.table}: {one.rows} rows would go, the dry run counted {planned.get(one.table, 0)}"
        for one in now.tables
        if one.rows != planned.get(one.table, 0)
    ]
    if differing or len(planned) != len(now.tables):
        listed = "\n".join(differing)
        raise DifferenceError(
            f"the purge would take other rows than its dry run counted:\n{listed}",
            state="Nothing was deleted.",
            next_step=f"fab replan-purge --tenant {tenant}, and have it signed again",
        )


def _made_before(case: Case, plan: PurgePlan) -> Purged | None:
    try:
        before = case.read_evidence("purge", Purged)
    except EvidenceError:
        return None
    return before if before.plan == plan else None


def _note(case: Case, purged: Purged) -> Purged:
    case.write_evidence("purge", purged)
    return purged


def _login(case: Case, purge: Purge) -> LegacyDatabase:
    (login,) = [one for one in case.manifest.legacy.databases if one.name == purge.database]
    return login


def _legacy(case: Case, hosts: Hosts, purge: Purge) -> PurgedDatabase:
    login = _login(case, purge)
    return PURGED[login.engine](legacy_database(hosts, login))
