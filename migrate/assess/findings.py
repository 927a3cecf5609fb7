"""
Findings: what of the measured facts matters for the move, what it means, and what to do about it.

Promise: the same facts give the same findings; each id is stable, so that a waiver can name it.
One function a subject; nothing is measured here.
"""

from collections.abc import Iterator, Sequence

from rich.filesize import decimal

from migrate.assess.facts import Database, Files, Finding, Host, InterfaceFacts, Severity, Target

SHORT_OF_DISK_BYTES = 1_000_000_000
TARGET_DISK_FACTOR = 2.5
"""Data, indexes, and the dump beside them while it is loaded."""

_ORDER: dict[Severity, int] = {"blocker": 0, "warning": 1, "info": 2}


def all_findings(
    hosts: Sequence[Host],
    databases: Sequence[Database],
    files: Sequence[Files],
    interfaces: Sequence[InterfaceFacts],
    target: Target | None,
) -> tuple[Finding, ...]:
    """Return every finding, blockers first."""
    found = [f for host in hosts for f in _host(host)]
    found += [f for database in databases for f in (*_server(database), *_content(database))]
    found += [f for tree in files for f in _files(tree)]
    found += [f for interface in interfaces for f in _interface(interface)]
    found += _target(databases, files, target)
    return tuple(sorted(found, key=lambda f: (_ORDER[f.severity], f.id, f.subject)))


def _listed(names: Sequence[object], most: int = 5) -> str:
    shown = ", ".join(str(name) for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def _host(host: Host) -> Iterator[Finding]:
    if host.disk_free_bytes < SHORT_OF_DISK_BYTES:
        yield Finding(
            id="legacy-disk-low",
            severity="warning",
            subject=host.name,
            what=f"{decimal(host.disk_free_bytes)} free",
            meaning="interfaces buffer on this disk during the stop; a full one would lose messages",
            remedy="free at least 1 GB on it before the window",
        )


def _server(database: Database) -> Iterator[Finding]:
    server, subject = database.server, database.name
    if server.is_standby:
        yield Finding(
            id="server-is-standby",
            severity="blocker",
            subject=subject,
            what="the server is a standby",
            meaning="a standby cannot be frozen; its primary would go on writing",
            remedy="name the primary under legacy/databases in the manifest",
        )
    if not server.may_freeze:
        yield Finding(
            id="user-may-not-freeze",
            severity="blocker",
            subject=subject,
            what="the user of the manifest neither owns the database nor is a superuser",
            meaning="it cannot be switched to read-only, so the move could not begin",
            remedy=f"GRANT the owner of {subject} to that user, or name another",
        )
    superusers = [r.name for r in database.roles if r.is_superuser and r.may_log_in]
    if superusers:
        yield Finding(
            id="superusers-may-write",
            severity="info",
            subject=subject,
            what=f"superusers that may log in: {_listed(superusers)}",
            meaning="the freeze holds against applications; a superuser can switch it off for itself",
            remedy="let no administrator's job write during the window",
        )
    if server.encoding != "UTF8":
        yield Finding(
            id="encoding-not-utf8",
            severity="warning",
            subject=subject,
            what=f"encoding {server.encoding}",
            meaning="text is converted to UTF8 on the way; bytes that are no text in it would stop the load",
            remedy="have the rehearsal in the test environment prove it before the window",
        )
    for transaction in database.long_transactions:
        yield Finding(
            id="prepared-transaction" if transaction.is_prepared else "long-transaction",
            severity="warning",
            subject=subject,
            what=f"{transaction.who}, open for {transaction.seconds:.0f} s",
            meaning="still open at the freeze, it is ended and its work undone",
            remedy="find out who leaves it open, and let no such job run in the window",
        )


def _content(database: Database) -> Iterator[Finding]:
    subject, counts = database.name, database.counts
    unreadable = [t for t in database.tables if not t.is_readable]
    if unreadable:
        yield Finding(
            id="table-unreadable",
            severity="blocker",
            subject=subject,
            what=f"tables that the user may not read ({len(unreadable)}): {_listed(unreadable)}",
            meaning="they could neither be moved nor compared",
            remedy="GRANT pg_read_all_data to the user of the manifest",
        )
    secured = [t for t in database.tables if t.has_row_security]
    if secured:
        yield Finding(
            id="row-security",
            severity="warning",
            subject=subject,
            what=f"tables with row security ({len(secured)}): {_listed(secured)}",
            meaning="a user that is subject to it sees only some of the rows; pg_dump then refuses to run",
            remedy="let the user of the manifest have BYPASSRLS",
        )
    foreign = [t for t in database.tables if t.kind == "foreign"]
    if foreign:
        yield Finding(
            id="foreign-table",
            severity="warning",
            subject=subject,
            what=f"foreign tables ({len(foreign)}): {_listed(foreign)}",
            meaning="their rows live in another system and are not moved",
            remedy="decide with the customer what the site reads instead",
        )
    keyless = [t for t in database.tables if t.kind != "foreign" and not t.has_key]
    if keyless:
        yield Finding(
            id="table-without-key",
            severity="info",
            subject=subject,
            what=f"tables without a primary key ({len(keyless)}): {_listed(keyless)}",
            meaning="moved like any other in bulk mode; compared as whole rows",
            remedy="nothing to do for this mode",
        )
    unlogged = [t for t in database.tables if t.is_unlogged]
    if unlogged:
        yield Finding(
            id="unlogged-table",
            severity="info",
            subject=subject,
            what=f"unlogged tables ({len(unlogged)}): {_listed(unlogged)}",
            meaning="moved with their rows; they are empty after a crash, on the site as on legacy",
            remedy="ask whether their rows matter",
        )
    if counts.large_objects:
        yield Finding(
            id="large-objects",
            severity="info",
            subject=subject,
            what=f"large objects: {counts.large_objects}, {decimal(counts.large_object_bytes)}",
            meaning="moved and compared one by one",
            remedy="nothing to do",
        )
    if counts.materialized_views:
        yield Finding(
            id="materialized-views",
            severity="info",
            subject=subject,
            what=f"materialised views: {counts.materialized_views}",
            meaning="filled anew on the site from the moved rows, which is part of the stop",
            remedy="nothing to do",
        )
    if counts.event_triggers:
        yield Finding(
            id="event-triggers",
            severity="warning",
            subject=subject,
            what=f"event triggers: {counts.event_triggers}",
            meaning="only a superuser can make them, and the owner on the site is none",
            remedy="ask what they guard; leave them out with a waiver, or have them made on the site",
        )


def _files(tree: Files) -> Iterator[Finding]:
    if tree.unreadable_count:
        yield Finding(
            id="files-unreadable",
            severity="blocker",
            subject=tree.name,
            what=f"files or folders that the login may not read: {tree.unreadable_count}",
            meaning="they would be missing on the site",
            remedy="give the login of the manifest the right to read them",
        )
    if tree.odd_name_count:
        yield Finding(
            id="odd-file-names",
            severity="warning",
            subject=tree.name,
            what=f"names with control characters or bytes that are no UTF-8 ({tree.odd_name_count}): "
            + _listed(tree.odd_names, 3),
            meaning="moved as they are; a browser or a Windows client may not open them",
            remedy="rename them on legacy, with the customer's consent",
        )
    if tree.special:
        yield Finding(
            id="files-special",
            severity="blocker",
            subject=tree.name,
            what=f"pipes, sockets or devices: {tree.special}",
            meaning="they cannot move, so the copy would stop at the first of them, after the freeze",
            remedy="remove them, or let the program that makes them put them elsewhere",
        )
    if tree.others:
        yield Finding(
            id="files-not-regular",
            severity="info",
            subject=tree.name,
            what=f"symbolic links: {tree.others}",
            meaning="links are moved as links",
            remedy="nothing to do, unless a link points outside its tree",
        )


def _interface(interface: InterfaceFacts) -> Iterator[Finding]:
    if not interface.answers:
        yield Finding(
            id="interface-silent",
            severity="blocker",
            subject=interface.name,
            what=f"its control command does not answer: {interface.detail}",
            meaning="it could not be held during the stop, so messages would be lost",
            remedy="start the connector, or correct interfaces/control in the manifest",
        )
    elif interface.detail.startswith("held"):
        yield Finding(
            id="interface-held",
            severity="warning",
            subject=interface.name,
            what=f"held already: {interface.detail}",
            meaning="nobody receives its messages now, before any move began",
            remedy="ask who holds it; release it",
        )


def _target(databases: Sequence[Database], files: Sequence[Files], target: Target | None) -> list[Finding]:
    if target is None:
        return []
    found = []
    needed = TARGET_DISK_FACTOR * (sum(d.server.bytes for d in databases) + sum(f.bytes for f in files))
    if target.free_bytes < needed:
        found.append(
            Finding(
                id="target-disk-low",
                severity="blocker",
                subject="prod site",
                what=f"{decimal(target.free_bytes)} free, {decimal(int(needed))} needed",
                meaning="the copy would fill the disk half-way",
                remedy="give the site a larger disk in sizing, then pulumi up",
            )
        )
    for database in databases:
        # pg_dump of the target reads older servers, never newer ones.
        if database.server.version_number // 10000 > target.version_number // 10000:
            found.append(
                Finding(
                    id="target-older-than-source",
                    severity="blocker",
                    subject=database.name,
                    what=f"legacy runs PostgreSQL {database.server.version}, the site an older one",
                    meaning="an older server cannot load what a newer one wrote",
                    remedy="stand the site up with the newer server",
                )
            )
        missing = [e.name for e in database.extensions if e.name not in target.available_extensions]
        if missing:
            found.append(
                Finding(
                    id="extension-missing",
                    severity="blocker",
                    subject=database.name,
                    what=f"extensions that the site's server lacks: {_listed(missing)}",
                    meaning="types and functions of them could not be made there",
                    remedy="install them on the site's server",
                )
            )
    return found
