"""Findings, from facts alone: a row for every kind that there is."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from migrate.assess.facts import (
    Collation,
    Database,
    Extension,
    Files,
    Finding,
    Host,
    InterfaceFacts,
    Job,
    LongTransaction,
    Oddity,
    PathTrap,
    ReadSample,
    Role,
    Slot,
    Target,
    WalDisk,
    WalHistory,
    Work,
)
from migrate.assess.findings import all_findings, catalogue
from tests.support import quoting, quoting_mariadb

HOST = Host(name="server", system="Debian", cores=2, memory_bytes=1 << 30, disk_free_bytes=10**11)
ROOMY = Target(
    free_bytes=10**12,
    version_number=150010,
    available_extensions=("pg_trgm",),
    collation="de_CH.UTF-8",
    character_type="de_CH.UTF-8",
)
SILENT = InterfaceFacts(name="labor", kind="https", host="server", answers=False, detail="refused")


def sound(server: dict[str, Any] | None = None, **changes: Any) -> Database:
    """A database with nothing to say about: it can be replicated, and its log has room."""
    settings = {"wal_level": "logical", "slot_wal_limit_bytes": 1 << 40, **(server or {})}
    disk = WalDisk(path="/var/lib/postgresql/15/main/pg_wal", is_exact=True, free_bytes=1 << 40)
    return quoting.database(server=settings, **{"wal_disk": disk, **changes})


def odd(*kinds: str, detail: str = "") -> Database:
    return sound(oddities=tuple(Oddity(kind=kind, name="rai.something", detail=detail) for kind in kinds))


def german(version: str | None = None, now: str | None = None) -> tuple[Collation, ...]:
    return (Collation(name='pg_catalog."de-x-icu"', columns=2, version=version, version_now=now),)


def found(
    host: Host = HOST,
    database: Database | None = None,
    tree: Files | None = None,
    interface: InterfaceFacts | None = None,
    target: Target | None = None,
    forced: str | None = None,
) -> dict[str, Finding]:
    every = all_findings(
        [host],
        [database or sound()],
        [tree or quoting.tree()],
        [interface] if interface else [],
        target,
        forced,
    )
    return {finding.id: finding for finding in every}


def test_sound_source_has_no_findings() -> None:
    """A plain database that can be replicated, on a roomy host, gives nothing to worry about."""
    assert found(target=ROOMY) == {}
    assert found(database=quoting_mariadb.sound(), target=ROOMY) == {}


BOSS = Role(name="boss", may_log_in=True, is_superuser=True, may_replicate=False)
REPORTS = Role(name="reports", may_log_in=True, is_superuser=False, may_replicate=False, grants=3)
OWNER = Role(name="pflege", may_log_in=True, is_superuser=False, may_replicate=False, owns=40, grants=40)
OPEN = LongTransaction(who="session 7 of anna", seconds=900, is_prepared=False)
PREPARED = OPEN.model_copy(update={"is_prepared": True})
BURST = WalHistory(bytes=3 << 30, seconds=60, burst_bytes=2 << 30)
IDLE = Slot(name="old", is_logical=False, is_active=False, retained_bytes=5_000_000, wal_status=None)
LARGE = ReadSample(what="rai.bewohner", bytes=64_000_000, seconds=0.5, largest_row_bytes=1 << 27)
SMALL_DISK = WalDisk(path="/var", is_exact=False, free_bytes=10**8)

DATABASES: dict[str, tuple[str, Database]] = {
    "server-is-standby": ("blocker", sound({"is_standby": True})),
    "server-version-unknown": ("warning", sound({"version_number": 190001})),
    "encoding-not-utf8": ("warning", sound({"encoding": "LATIN1"})),
    "settings-wait-for-restart": ("warning", sound({"pending_restart": ("max_connections",)})),
    "source-read-only": ("warning", sound({"is_read_only_by_default": True})),
    "clock-differs": ("warning", sound({"clock_ahead_seconds": -3600.2})),
    "archiving-fails": ("warning", sound({"archiving_fails": True})),
    "commits-wait-for-standbys": ("warning", sound({"synchronous_standbys": "second"})),
    "transactions-old": ("warning", sound({"transaction_age": 1_900_000_000})),
    "locks-few": ("warning", sound({"lock_slots": 2})),
    "collation-version-changed": ("warning", sound(collations=german("57.1", "72.1"))),
    "user-may-not-freeze": ("blocker", sound({"may_freeze": False})),
    "table-unreadable": ("blocker", sound(tables=(quoting.table(is_readable=False),))),
    "password-expires": ("warning", sound({"user_expires_at": datetime.now(UTC) + timedelta(days=3)})),
    "superusers-may-write": ("info", sound(roles=(BOSS,))),
    "roles-with-rights": ("info", sound(roles=(OWNER, REPORTS))),
    "long-transaction": ("warning", sound(long_transactions=(OPEN,))),
    "prepared-transaction": ("warning", sound(long_transactions=(PREPARED,))),
    "backup-running": ("warning", sound(work=(Work(kind="backup", who="session 9 (pg_dump)", seconds=60),))),
    "maintenance-running": (
        "warning",
        sound(work=(Work(kind="maintenance", who="session 9 (reindex)", seconds=1),)),
    ),
    "scheduled-jobs": (
        "warning",
        sound(jobs=(Job(scheduler="pg_cron", name="close", schedule="0 2 * * *"),)),
    ),
    "jobs-unreadable": ("warning", sound(jobs=None)),
    "row-security": (
        "warning",
        sound({"bypasses_row_security": False}, tables=(quoting.table(has_row_security=True),)),
    ),
    "policies": ("info", odd("policy")),
    "foreign-table": ("warning", sound(tables=(quoting.table(kind="foreign"),))),
    "table-without-key": ("info", sound(tables=(quoting.table(has_key=False),))),
    "table-without-equality": (
        "warning",
        sound(tables=(quoting.table(has_key=False, no_equality=("daten json",)),)),
    ),
    "unlogged-table": ("info", sound(tables=(quoting.table(is_unlogged=True),))),
    "large-objects": ("info", sound(counts={"large_objects": 2})),
    "materialized-views": ("info", sound(counts={"materialized_views": 1})),
    "generated-columns": ("info", sound(counts={"generated_columns": 1})),
    "sequences": ("info", sound(counts={"sequences": 4})),
    "sequence-nearly-used-up": ("warning", odd("sequence nearly used up", detail="97 % of 32767")),
    "partition-tree": ("info", odd("partition tree", detail="12 partitions")),
    "table-inherits": ("info", odd("inheritance", detail="rai.parent")),
    "row-very-large": ("warning", sound(read=LARGE)),
    "search-path-trap": (
        "blocker",
        sound(path_traps=(PathTrap(function="rai.ok", used_by="constraint ok of rai.t", names=("t",)),)),
    ),
    "trigger-fires-on-apply": ("warning", odd("trigger on apply", "rule on apply", detail="ALWAYS")),
    "event-triggers": ("warning", sound(counts={"event_triggers": 1})),
    "deferrable-constraint": ("info", odd("deferrable constraint")),
    "constraint-not-validated": ("info", odd("constraint not validated")),
    "index-invalid": ("warning", odd("invalid index")),
    "function-untrusted": ("warning", odd("untrusted function", detail="plpython3u")),
    "table-with-oids": ("warning", odd("table with oids")),
    "replica-identity-set": ("info", odd("replica identity", detail="FULL")),
    "tablespace-own": ("info", odd("tablespace", detail="slow")),
    "database-settings": ("warning", odd("setting", detail="of the database")),
    "security-labels": ("info", odd("security label", detail="selinux")),
    "publication-present": ("info", odd("publication")),
    "wal-level-not-logical": ("warning", sound({"wal_level": "replica"})),
    "source-refuses-superuser": ("warning", sound({"is_superuser": False})),
    "slots-used-up": ("warning", sound({"slots_used": 9})),
    "wal-senders-used-up": ("warning", sound({"senders_used": 9})),
    "slot-inactive": ("warning", sound(slots=(IDLE,))),
    "slot-in-use": ("info", sound(slots=(IDLE.model_copy(update={"is_active": True}),))),
    "subscription-present": ("warning", sound(subscriptions=("from_the_lab",))),
    "wal-disk-short": ("warning", sound(wal_disk=SMALL_DISK)),
    "wal-disk-unknown": ("info", sound(wal_disk=None)),
    "slot-wal-unlimited": ("info", sound({"slot_wal_limit_bytes": None})),
    "slot-wal-limit-small": ("warning", sound({"slot_wal_limit_bytes": 1})),
    "writes-heavy": (
        "warning",
        sound(writes={"seconds": 3, "rows_per_second": 9e4, "wal_bytes_per_second": 9e7}),
    ),
    "batch-job-recent": ("warning", sound(wal_history=BURST)),
}
TREES: dict[str, tuple[str, Files]] = {
    "files-unreadable": ("blocker", quoting.tree(unreadable_count=1)),
    "odd-file-names": ("warning", quoting.tree(odd_name_count=1, odd_names=("a\\nb",))),
    "file-names-alike": ("warning", quoting.tree(twin_count=2, twins=("Brief.txt", "brief.txt"))),
    "file-names-long": ("warning", quoting.tree(long_names=1)),
    "files-special": ("blocker", quoting.tree(special=1)),
    "files-not-regular": ("info", quoting.tree(others=2)),
    "files-hard-linked": ("info", quoting.tree(hard_links=2)),
    "files-privileged": ("warning", quoting.tree(privileged=1)),
}
OTHERS: dict[str, tuple[str, dict[str, Any]]] = {
    "legacy-disk-low": ("warning", {"host": HOST.model_copy(update={"disk_free_bytes": 10**8})}),
    "interface-silent": ("blocker", {"interface": SILENT}),
    "interface-held": (
        "warning",
        {"interface": SILENT.model_copy(update={"answers": True, "detail": "held, 3 accepted"})},
    ),
    "mode-impossible": (
        "blocker",
        {"forced": "live", "database": sound(live_obstacles=("wal_level is replica",))},
    ),
    "no-way-to-site": (
        "blocker",
        {"database": sound(live_obstacles=("wal_level is replica",), has_no_way=True)},
    ),
    "mode-forced": ("info", {"forced": "bulk"}),
    "path-missing": ("blocker", {"forced": "bulk", "database": sound(is_reached_by_site=False)}),
    "carried-unasked": ("warning", {"database": sound(is_reached_by_site=False)}),
    "target-disk-low": ("blocker", {"target": ROOMY.model_copy(update={"free_bytes": 10**9})}),
    "target-refuses-superuser": (
        "warning",
        {"target": ROOMY.model_copy(update={"mover_lacks": ("subscriptions",)})},
    ),
    "target-cannot-flow-back": ("warning", {"target": ROOMY.model_copy(update={"free_slots": 0})}),
    "target-older-than-source": ("blocker", {"target": ROOMY.model_copy(update={"version_number": 140000})}),
    "extension-missing": (
        "blocker",
        {"target": ROOMY, "database": sound(extensions=(Extension(name="postgis", version="3.3"),))},
    ),
    "extension-version-differs": (
        "warning",
        {
            "target": ROOMY.model_copy(update={"extension_versions": {"pg_trgm": "1.6"}}),
            "database": sound(extensions=(Extension(name="pg_trgm", version="1.4"),)),
        },
    ),
    "target-encoding-narrower": ("blocker", {"target": ROOMY.model_copy(update={"encoding": "LATIN1"})}),
    "locale-differs": ("warning", {"target": ROOMY.model_copy(update={"collation": "C.UTF-8"})}),
    "collation-missing": ("blocker", {"target": ROOMY, "database": sound(collations=german())}),
    "collation-version-differs": (
        "info",
        {
            "target": ROOMY.model_copy(update={"collations": {'pg_catalog."de-x-icu"': "153.14"}}),
            "database": sound(collations=german("153.80", "153.80")),
        },
    ),
    "removed-on-target": ("blocker", {"target": ROOMY, "database": odd("removed type", detail="abstime")}),
}
ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    **{
        id_: (severity, {"database": facts})
        for id_, (severity, facts) in {**DATABASES, **quoting_mariadb.ROWS}.items()
    },
    **{id_: (severity, {"tree": facts}) for id_, (severity, facts) in TREES.items()},
    **OTHERS,
}


def test_every_kind_has_its_row_here() -> None:
    """No kind of finding is without a fact that brings it about."""
    assert ROWS.keys() == catalogue().keys()


@pytest.mark.parametrize("finding", ROWS)
def test_each_fact_has_its_finding(finding: str) -> None:
    """What would hurt the move is found under a stable id, with meaning and remedy, and nothing else is."""
    severity, facts = ROWS[finding]
    every = found(**facts)
    assert list(every) == [finding]
    one = every[finding]
    assert one.severity == severity
    assert one.what
    assert one.meaning
    assert one.remedy
    assert "{" not in one.remedy


def test_findings_read_as_sentences() -> None:
    """What was seen names the thing and its figures."""
    said = {id_: found(**facts)[id_].what for id_, (_, facts) in ROWS.items()}
    assert said["wal-level-not-logical"] == "wal_level is replica; changing it needs a restart"
    assert said["table-without-equality"] == (
        "tables without a key and with columns that cannot be compared (1): rai.bewohner (daten json)"
    )
    assert said["slot-inactive"] == "replication slots without a reader (1): old (5.0 MB kept)"
    assert said["roles-with-rights"] == ("roles beside the owner that own or may use something (1): reports")
    assert said["collation-version-changed"] == (
        'collations of another version than was recorded (1): pg_catalog."de-x-icu" '
        "(57.1 when recorded, 72.1 now)"
    )
    assert said["source-refuses-superuser"] == " is no superuser"
    assert said["mode-impossible"] == "live is asked for, but wal_level is replica"


def test_setting_that_waits_for_its_restart_is_told_as_that() -> None:
    """Whoever has changed wal_level already is told that only the restart is missing."""
    database = sound({"wal_level": "replica", "pending_restart": ("wal_level",)})
    said = found(database=database)["wal-level-not-logical"].what
    assert said == "wal_level is replica; it is changed in the configuration and waits for a restart"


def test_managed_source_is_told_apart() -> None:
    """A service that gives no superuser is named, with the way that remains."""
    database = sound({"is_superuser": False, "user": "admin", "managed_by": "Amazon RDS or Aurora"})
    finding = found(database=database)["source-refuses-superuser"]
    assert finding.what == "admin is no superuser; Amazon RDS or Aurora gives none"
    assert finding.remedy == "name a superuser in the manifest for the time of the move, or stay with bulk"


def test_blockers_come_first() -> None:
    """Who reads only the first line reads the worst."""
    database = sound({"is_standby": True}, counts={"large_objects": 1})
    assert list(found(database=database)) == ["server-is-standby", "large-objects"]


def test_waivers_name_one_finding_on_one_subject() -> None:
    """The id that a waiver takes is told by the finding itself."""
    assert found(interface=SILENT)["interface-silent"].waiver_id == "finding:interface-silent:labor"


def test_what_cannot_work_cannot_be_waived() -> None:
    """These stop the move whoever signs; every other one is a person's to decide."""
    assert {id_ for id_, kind in catalogue().items() if not kind.waivable} == {
        "server-is-standby",
        "user-may-not-freeze",
        "table-unreadable",
        "files-special",
        "mode-impossible",
        "no-way-to-site",
        "path-missing",
        "target-older-than-source",
        "removed-on-target",
        "mariadb-replicates-from-another",
        "mariadb-parts-hidden",
        "mariadb-user-may-not-freeze",
        "mariadb-without-tls",
    }
