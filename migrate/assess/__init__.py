"""
Assessment: what the tenant has, what of it matters for the move, and how long the stop will be.

Promise: reads only, on every host and in every database, so it may run at any time and as often as
wanted; the legacy system is left exactly as it was.
"""

import hashlib
from datetime import UTC, datetime

from migrate import position
from migrate.assess.database import measure_database
from migrate.assess.estimate import choose_mode, estimate_stop
from migrate.assess.facts import Assessment, Fingerprint, Target
from migrate.assess.findings import all_findings
from migrate.assess.host import free_bytes, measure_files, measure_host, measure_interface
from migrate.case import Case
from migrate.connections import Hosts
from migrate.databases import legacy_database, site_database
from migrate.step import Progress
from provisioning.errors import BasculeError

__all__ = ["Assessment", "assess", "is_kept", "measure"]


def assess(case: Case, hosts: Hosts, progress: Progress) -> Assessment:
    """
    Measure, and keep the result as evidence ``assessment`` as long as the tenant works on legacy.

    From the freeze on, what the move was planned with stays; a look at legacy later is a look only.
    """
    assessment = measure(case, hosts, progress)
    if is_kept(case):
        case.write_evidence("assessment", assessment)
    return assessment


def is_kept(case: Case) -> bool:
    """Tell whether what is measured now takes the place of what was measured before."""
    return position.standing(case.journal).legacy == "writable"


def measure(case: Case, hosts: Hosts, progress: Progress) -> Assessment:
    """
    Measure everything under ``legacy`` and ``interfaces`` of the manifest; write nothing.

    Raises:
        ConnectionFailed: A host or database cannot be reached.
    """
    manifest, legacy = case.manifest, case.manifest.legacy
    progress.start("assess", float(len(legacy.hosts) + len(legacy.databases) + len(legacy.files)), "parts")
    done = 0

    def measured(what: str) -> None:
        nonlocal done
        done += 1
        progress.say(what)
        progress.advance_to(float(done))

    measured_hosts = []
    for host in legacy.hosts:
        measured_hosts.append(measure_host(host.name, hosts.legacy(host.name)))
        measured(f"host {host.name}: {measured_hosts[-1].system}")
    databases = []
    for database in legacy.databases:
        with legacy_database(hosts, database).opened() as session:
            databases.append(measure_database(database, session))
        measured(f"database {database.name}: {databases[-1].server.bytes / 1e6:.0f} MB")
    files = []
    for tree in legacy.files:
        files.append(measure_files(tree, hosts.legacy(tree.host)))
        measured(f"files {tree.name}: {files[-1].count}, {files[-1].bytes / 1e6:.0f} MB")
    interfaces = [measure_interface(i, hosts.legacy(i.host)) for i in manifest.interfaces]
    target = _target(hosts, progress)

    mode, because = choose_mode(databases)
    schemas = "\n".join(database.schema_digest for database in databases)
    return Assessment(
        tenant=manifest.tenant,
        measured_at=datetime.now(UTC),
        hosts=tuple(measured_hosts),
        databases=tuple(databases),
        files=tuple(files),
        interfaces=tuple(interfaces),
        target=target,
        findings=all_findings(measured_hosts, databases, files, interfaces, target),
        mode=mode,
        mode_because=because,
        estimate=estimate_stop(databases, files, len(interfaces)),
        fingerprint=Fingerprint(
            schema_digest=hashlib.sha256(schemas.encode()).hexdigest(),
            bytes=sum(d.content_bytes for d in databases) + sum(f.bytes for f in files),
            files=sum(f.count for f in files),
        ),
    )


def _target(hosts: Hosts, progress: Progress) -> Target | None:
    """Measure the prod site where it stands already; an assessment usually comes before it."""
    try:
        site = hosts.site("prod")
        free = free_bytes(hosts.target("prod"), site.files)
        with site_database(hosts, "prod").opened() as session:
            version = session.info.server_version
            names = session.execute("SELECT name FROM pg_catalog.pg_available_extensions").fetchall()
    except BasculeError:
        stack = hosts.manifest.stack("prod")
        progress.say(f"target: {stack} does not stand yet, or does not answer; not measured")
        return None
    return Target(
        free_bytes=free, version_number=version, available_extensions=tuple(sorted(n for (n,) in names))
    )
