"""
Staging a tenant: out of its legacy system into an archive, and from an archive onto its site's host.

Promise: either needs only its own side; each may be repeated after whatever ended it, and goes on. Clear
dumps on the legacy host go when the archive is finished.
"""

import json
import re
import secrets
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime

from migrate import lock
from migrate.archive import area, dumps, keys, listing
from migrate.archive.checking import checked
from migrate.archive.engines import DUMPERS, Dumper
from migrate.archive.layout import Facts, Manifest, PlannedItem, Reserved, name_of
from migrate.archive.plan import CHUNK_BYTES, Begun, Desk, Plan, base_entries, cut
from migrate.archive.receiving import load
from migrate.archive.sending import Place, write_archive
from migrate.archive.store import archives, find, open_store
from migrate.case import Case, write_whole
from migrate.connections import Hosts
from migrate.engines import legacy_database
from migrate.errors import Refused
from migrate.step import Progress
from migrate.transfer.contract import Task
from provisioning.manifest import Environment
from provisioning.model import Model

LEAST_CHUNK_BYTES = 64 * 1024


class ReceivedItem(Model):
    """One database or tree that arrived on the site's host."""

    kind: Literal["database", "files"]
    name: str
    files: int
    bytes: int
    position: str = ""
    frozen: bool = False
    flows: bool = False
    unsettled: tuple[str, ...] = ()
    """Names that changed while they were read: the next archive, or a last pass, brings them."""


class Received(Model):
    """An archive that was loaded whole: evidence ``staged``."""

    archive: str
    base: str
    made_at: AwareDatetime
    loaded_at: AwareDatetime
    source_fingerprint: str
    items: tuple[ReceivedItem, ...]


def desks(case: Case) -> list[Desk]:
    """Return all archives that were begun from this workspace, by name."""
    root = _desks(case)
    return sorted(
        (Desk(path) for path in root.iterdir() if (path / "begun.json").is_file()) if root.is_dir() else (),
        key=lambda desk: desk.archive,
    )


def stage_out(
    case: Case,
    hosts: Hosts,
    location: str,
    progress: Progress,
    *,
    ticket: Path | None = None,
    since: str = "",
    live: bool = False,
    chunk_bytes: int = CHUNK_BYTES,
    anew: bool = False,
    attempt: str = "",
) -> Manifest:
    """
    Write the archive of a tenant, or go on with the one that was begun at this location.

    Args:
        location: A folder, or ``s3://bucket/prefix``.
        since: A finished archive of this workspace; only what changed since is written then.
        live: Have legacy keep what changes from now on, so that it can flow once a path exists.
        chunk_bytes: No chunk holds more than this.
        anew: Begin another archive, whatever was begun.
        attempt: Of the move that it is made for; one that was begun for another is not gone on with.

    Raises:
        TransferError: The medium is full or gone, or something could not be read; what is written stays.
        Refused: Somebody is writing already.
    """
    tenant = case.manifest.tenant
    if chunk_bytes < LEAST_CHUNK_BYTES:
        raise Refused(
            f"chunks of {chunk_bytes} bytes are too small",
            state="Nothing was written.",
            next_step=f"leave it out, or take at least {LEAST_CHUNK_BYTES}",
        )
    if live and since:
        raise Refused(
            "an archive that changes flow from is complete in itself",
            state="Nothing was written.",
            next_step="leave --since out, or --live",
        )
    chosen = keys.read_ticket(ticket or keys.folder(case.workspace, tenant) / "ticket.json", tenant)
    if case.manifest.archive is not None:
        chosen = chosen.model_copy(update={"also": case.manifest.archive.recipients})
    works = _works(case, hosts)
    with lock.held(_desks(case), tenant):
        begun = Begun(location=location, base=since, live=live, attempt=attempt)
        desk = None if anew else _begun(case, begun, works)
        if desk is None:
            desk = Desk(_desks(case) / f"{tenant}-{datetime.now(UTC):%Y%m%d}-{secrets.token_hex(4)}")
            desk.begin(begun)
        store = open_store(location, desk.archive)
        with store.held(tenant):
            plan = desk.plan() or _plan(case, hosts, desk, works, chunk_bytes, progress)
            manifest = write_archive(plan, desk, store, chosen, _places(case, hosts, works), progress)
    for work in works:
        dumps.forget(work.name, work.source, desk.archive)
    return manifest


def stage_in(
    case: Case,
    hosts: Hosts,
    location: str,
    progress: Progress,
    *,
    environment: Environment = "prod",
    archive: str = "",
) -> Received:
    """
    Check an archive and load it onto the site's host; database and files of the site stay as they are.

    Raises:
        TransferError: The archive is not whole or not ours, or what it rests on is not there.
        Refused: Somebody is loading already.
    """
    tenant = case.manifest.tenant
    known = keys.read_keys(case.workspace, tenant)
    whole = checked(find(location, tenant, archive), known, tenant, progress)
    connection = hosts.runner(environment)
    with area.held(connection, tenant):
        states = load(whole, connection, progress)
    manifest = whole.manifest
    return Received(
        archive=manifest.archive,
        base=manifest.base,
        made_at=manifest.made_at,
        loaded_at=datetime.now(UTC),
        source_fingerprint=manifest.source_fingerprint,
        items=tuple(
            ReceivedItem(
                **item.model_dump(),
                unsettled=tuple(
                    name_of(path).decode(errors="backslashreplace")
                    for path in states[f"{item.kind}-{item.name}"].unsettled
                ),
            )
            for item in manifest.items
        ),
    )


def _desks(case: Case) -> Path:
    return keys.folder(case.workspace, case.manifest.tenant) / "archives"


def _begun(case: Case, wanted: Begun, works: list[Task]) -> Desk | None:
    """Return the archive that was begun like this and can be gone on with."""
    there = archives(wanted.location)
    for desk in reversed(desks(case)):
        known = desk.begun
        alike = (known.base, known.live, known.attempt) == (wanted.base, wanted.live, wanted.attempt)
        if desk.is_finished or not alike:
            continue
        if desk.archive not in there and known.location != wanted.location:
            continue
        # Chunks of two dumps in one archive would be a database that never was.
        if desk.plan() and not all(dumps.made(one.name, one.source, desk.archive) for one in works):
            shutil.rmtree(desk.folder)
            continue
        return desk
    return None


def _places(case: Case, hosts: Hosts, works: list[Task]) -> dict[str, Place]:
    """Where each item is read, by `PlannedItem.folder`."""
    return {
        **{f"database-{work.name}": dumps.place(work.name, work.source) for work in works},
        **{
            f"files-{one.name}": Place(hosts.legacy(one.host), one.path) for one in case.manifest.legacy.files
        },
    }


def _plan(
    case: Case,
    hosts: Hosts,
    desk: Desk,
    works: list[Task],
    chunk_bytes: int,
    progress: Progress,
) -> Plan:
    """Dump all databases, list all trees, and cut them into chunks."""
    begun = desk.begun
    base = Desk(_desks(case) / begun.base) if begun.base else None
    if base:
        base_entries(base, "database", "")  # refuses before a dump is made
    items, digests = [], []
    for work in works:
        dumper = DUMPERS[work.engine]
        reserved = _reserve(case, work) if begun.live else None
        facts = dumper.dump(work, desk.archive, progress, reserved=reserved)
        place = dumps.place(work.name, work.source)
        entries = listing.listed(place.host, place.folder, "database")
        brought = base_entries(base, "database", work.name) if base else ()
        chunks = cut(entries, chunk_bytes, base=brought)
        items.append(
            PlannedItem(
                kind="database",
                name=work.name,
                entries=entries,
                chunks=chunks,
                facts=facts,
                reserved=reserved,
            )
        )
        digests.append(dumper.fingerprint(work))
    for tree in case.manifest.legacy.files:
        progress.start(f"{tree.name}: reading every file's digest", None, "bytes")
        entries = listing.listed(hosts.legacy(tree.host), tree.path, "files")
        brought = base_entries(base, "files", tree.name) if base else ()
        chunks = cut(entries, chunk_bytes, base=brought)
        items.append(PlannedItem(kind="files", name=tree.name, entries=entries, chunks=chunks))
    plan = Plan(
        archive=desk.archive,
        tenant=case.manifest.tenant,
        location=begun.location,
        base=begun.base,
        source_fingerprint="+".join(digests),
        items=tuple(items),
    )
    desk.keep(plan)
    return plan


def _works(case: Case, hosts: Hosts) -> list[Task]:
    """The task of moving each database, as far as its source matters."""
    works = []
    for one in case.manifest.legacy.databases:
        source = legacy_database(hosts, one)
        works.append(
            Task(
                name=one.name,
                attempt="",
                source=source,
                target=source,
                owner="",
                application="",
                tenant=case.manifest.tenant,
                engine=one.engine,
            )
        )
    return works


def _found_file(case: Case, name: str) -> Path:
    """Where legacy, as it was before anything was reserved on it, is remembered."""
    return keys.folder(case.workspace, case.manifest.tenant) / f"found-{name}.json"


def _reserve(case: Case, work: Task) -> Reserved:
    path = _found_file(case, work.name)
    found = json.loads(path.read_bytes()) if path.exists() else None
    return DUMPERS[work.engine].reserve(
        work, found, lambda seen: write_whole(path, json.dumps(seen).encode())
    )


def _flowing(case: Case, hosts: Hosts, plan: Plan | None) -> Iterator[tuple[Dumper, Task, Facts, Reserved]]:
    """Yield, of each database of an archive whose changes legacy keeps, what is asked about them."""
    works = {work.name: work for work in _works(case, hosts)}
    for item in plan.items if plan else ():
        if item.facts and item.reserved:
            work = works[item.name]
            yield DUMPERS[work.engine], work, item.facts, item.reserved


def kept_on_legacy(case: Case, hosts: Hosts, manifest: Manifest) -> dict[str, str]:
    """Say of each database whose changes flow how long legacy can keep them; reads only."""
    plan = Desk(_desks(case) / manifest.archive).plan()
    return {
        work.name: dumper.keeps(work, facts, reserved)
        for dumper, work, facts, reserved in _flowing(case, hosts, plan)
    }


def can_flow(case: Case, hosts: Hosts, desk: Desk) -> bool:
    """Tell whether legacy still keeps all that changed since an archive's dumps; reads only."""
    plan = desk.plan()
    if plan is None or not desk.begun.live:
        return False
    return all(
        dumper.can_flow(work, facts, reserved)
        for dumper, work, facts, reserved in _flowing(case, hosts, plan)
    )


def followed(case: Case, hosts: Hosts) -> list[str]:
    """Name the databases that a move follows from the newest archive: it could not go on; reads only."""
    plans = (plan for desk in reversed(desks(case)) if desk.begun.live and (plan := desk.plan()))
    return [
        work.name
        for dumper, work, facts, reserved in _flowing(case, hosts, next(plans, None))
        if dumper.is_followed(work, facts, reserved)
    ]


def release(case: Case, hosts: Hosts) -> dict[str, tuple[str, ...]]:
    """
    Have legacy keep nothing any more for archives that no live move was begun with.

    Returns:
        By database: what legacy has otherwise than before; empty when it is as it was found.
    """
    left = {}
    with lock.held(_desks(case), case.manifest.tenant):
        for work in _works(case, hosts):
            path = _found_file(case, work.name)
            if path.exists():
                left[work.name] = DUMPERS[work.engine].release(work, json.loads(path.read_bytes()))
                path.unlink()
    return left


def bytes_of_text(text: str) -> int:
    """
    Return a size that a person typed: ``256M``, ``1G``, ``65536``.

    Raises:
        Refused: It is no size.
    """
    found = re.fullmatch(r"(\d+)([kKmMgG]?)(?:i?B)?", text.strip())
    if found is None:
        raise Refused(f"{text!r} is no size", state="Nothing was done.", next_step="write it as 256M or 1G")
    return int(found[1]) << 10 * " kmg".index(found[2].lower() or " ")
