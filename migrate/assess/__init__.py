"""
Assessment: what the tenant has, what of it matters for the move, and how long the stop will be.

Promise: reads only, on every host and in every database, so it may run at any time and as often as
wanted; the legacy system is left exactly as it was.
"""

from datetime import UTC, datetime

from migrate import position
from migrate.assess.engines import SURVEYS
from migrate.assess.estimate import estimate_before, estimate_stop
from migrate.assess.facts import Assessment, Database, Growth
from migrate.assess.findings import all_findings
from migrate.assess.host import measure_files, measure_host, measure_interface
from migrate.assess.mode import decide, overall
from migrate.assess.path import is_reached_by_site
from migrate.assess.site import measure_target
from migrate.assess.staleness import fingerprint_of
from migrate.case import Case
from migrate.connections import Hosts
from migrate.errors import EvidenceError, MigrationError, PlaybookError
from migrate.playbook import load
from migrate.step import Progress
from provisioning.manifest import WAYS as MODES
from provisioning.manifest import LegacyDatabase

__all__ = ["Assessment", "assess", "is_kept", "measure"]

GROWTH_SECONDS = 24 * 3600
"""Two assessments nearer to each other than this tell nothing of growth."""


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
        MigrationError: The tenant leaves no system.
    """
    manifest, legacy = case.manifest, case.manifest.legacy
    if case.manifest.begins_afresh:
        raise MigrationError(
            f"{case.manifest.tenant} leaves no system: its manifest has no legacy:",
            state="There is nothing to measure.",
            next_step="write legacy: into the manifest, or take a playbook for tenants who begin afresh",
        )
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
        measured_one = _measured(case, hosts, database)
        databases.append(measured_one.model_copy(update={"site_engine": manifest.site_engine}))
        measured(f"database {database.name}: {databases[-1].server.bytes / 1e6:.0f} MB")
    files = []
    for tree in legacy.files:
        files.append(measure_files(tree, hosts.legacy(tree.host)))
        measured(f"files {tree.name}: {files[-1].count}, {files[-1].bytes / 1e6:.0f} MB")
    interfaces = [measure_interface(i, hosts.legacy(i.host)) for i in manifest.interfaces]
    target = measure_target(hosts, databases, progress)
    if target is not None:
        databases = [
            one.model_copy(update={"is_reached_by_site": is_reached_by_site(hosts, given)})
            for one, given in zip(databases, legacy.databases, strict=True)
        ]

    forced = asked_mode(case)
    databases = [
        decide(one, target, forced=forced, ways=MODES[given.engine, manifest.site_engine])
        for one, given in zip(databases, legacy.databases, strict=True)
    ]
    mode, because = overall(databases)
    return Assessment(
        tenant=manifest.tenant,
        measured_at=datetime.now(UTC),
        hosts=tuple(measured_hosts),
        databases=tuple(databases),
        files=tuple(files),
        interfaces=tuple(interfaces),
        target=target,
        findings=all_findings(measured_hosts, databases, files, interfaces, target, forced),
        mode=mode,
        mode_because=because,
        estimate=estimate_stop(databases, files, len(interfaces)),
        before_stop=estimate_before(databases, files),
        fingerprint=fingerprint_of(databases, files, interfaces),
    )


def asked_mode(case: Case) -> str | None:
    """Return the mode that manifest or playbook name; None where it is left to the facts."""
    if case.manifest.asked_mode is not None:
        return case.manifest.asked_mode
    try:
        phases = load(case.workspace, case.manifest.playbook).phases
    except PlaybookError:
        return None  # a look at legacy needs none, and whoever runs it is told all its faults
    asked = [entry.params["mode"] for phase in phases for entry in phase.steps if "mode" in entry.params]
    return str(asked[0]) if asked else None


def _measured(case: Case, hosts: Hosts, database: LegacyDatabase) -> Database:
    facts = SURVEYS[database.engine].measure(hosts, database)
    grown = _growth_since(case, facts)
    return facts.model_copy(update={"growth": grown or facts.growth})


def _growth_since(case: Case, now: Database) -> Growth | None:
    """How much the database grew since the assessment before; None when that is missing or too near."""
    try:
        before = case.read_evidence("assessment", Assessment)
    except (EvidenceError, ValueError):
        return None
    seconds = (datetime.now(UTC) - before.measured_at).total_seconds()
    was = [database for database in before.databases if database.name == now.name]
    if not was or seconds < GROWTH_SECONDS:
        return None
    days = seconds / 86400
    return Growth(
        bytes_per_day=round((now.server.bytes - was[0].server.bytes) / days),
        rests_on=f"its size {days:.0f} days ago, at the assessment before",
    )
