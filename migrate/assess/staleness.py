"""
Whether what was planned with still holds: the tenant's system now, against the one that was measured.

Promise: reads only. Everything that carries a fingerprint is looked at: the assessment, the offer, a
rehearsal; what changed since is named, one line each.
"""

import hashlib
from collections.abc import Sequence

from pydantic import ValidationError

from migrate.assess.engines import SURVEYS
from migrate.assess.facts import Database, DatabaseFingerprint, Files, Fingerprint, InterfaceFacts
from migrate.assess.host import count_files
from migrate.case import Case
from migrate.connections import Hosts

KEPT = ("offer", "rehearsal", "preproduction", "assessment")
"""Evidence with a ``fingerprint``, in the order in which a person would ask for it."""


def fingerprint_of(
    databases: Sequence[Database], files: Sequence[Files], interfaces: Sequence[InterfaceFacts]
) -> Fingerprint:
    """Return the fingerprint of what an assessment measured."""
    taken = [
        DatabaseFingerprint(
            name=database.name,
            engine=database.engine,
            version=database.series,
            schema_digest=database.schema_digest,
            tables=len(database.tables),
            extensions=tuple(sorted(extension.name for extension in database.extensions)),
            bytes=database.content_bytes,
        )
        for database in databases
    ]
    return _joined(taken, [(f.count, f.bytes) for f in files], [i.name for i in interfaces])


def fingerprint_now(case: Case, hosts: Hosts) -> Fingerprint:
    """
    Take the fingerprint anew: a second or two, without the rest of an assessment.

    Raises:
        ConnectionFailed: A host or database cannot be reached.
    """
    legacy = case.manifest.legacy
    taken = [SURVEYS[database.engine].fingerprint(hosts, database) for database in legacy.databases]
    counted = [count_files(tree, hosts.legacy(tree.host)) for tree in legacy.files]
    return _joined(taken, counted, [interface.name for interface in case.manifest.interfaces])


def stale(case: Case, now: Fingerprint) -> list[str]:
    """
    Name what no longer holds, such as ``offer: the schema of pflege is another: 46 tables, 45 before``.

    Args:
        now: `fingerprint_now`, or the fingerprint of an `Assessment` that was just measured.

    Returns:
        A line for each change since each piece of evidence; empty when all of it still holds.
    """
    kept = case.raw_evidence()
    lines = []
    for name in KEPT:
        try:
            before = Fingerprint.model_validate(kept.get(name, {}).get("fingerprint"))
        except ValidationError:
            continue
        lines += [f"{name}: {change}" for change in before.changes(now)]
    return lines


def _joined(
    databases: Sequence[DatabaseFingerprint], files: Sequence[tuple[int, int]], interfaces: Sequence[str]
) -> Fingerprint:
    schemas = "\n".join(database.schema_digest for database in databases)
    return Fingerprint(
        schema_digest=hashlib.sha256(schemas.encode()).hexdigest(),
        bytes=sum(database.bytes for database in databases) + sum(size for _, size in files),
        files=sum(count for count, _ in files),
        databases=tuple(databases),
        interfaces=tuple(interfaces),
    )
