"""Findings and the estimate, from facts alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.assess.estimate import estimate_stop
from migrate.assess.facts import (
    Database,
    Extension,
    Files,
    Finding,
    Fingerprint,
    Host,
    InterfaceFacts,
    LongTransaction,
    Role,
    Target,
)
from migrate.assess.findings import all_findings
from tests.support import quoting

ROOMY = Target(free_bytes=10**12, version_number=150010, available_extensions=("pg_trgm",))
HOST = Host(name="server", system="Debian", cores=2, memory_bytes=1 << 30, disk_free_bytes=10**11)


def found(
    host: Host = HOST,
    database: Database | None = None,
    tree: Files | None = None,
    interface: InterfaceFacts | None = None,
    target: Target | None = None,
) -> dict[str, Finding]:
    every = all_findings(
        [host],
        [database or quoting.database()],
        [tree or quoting.tree()],
        [interface] if interface else [],
        target,
    )
    return {finding.id: finding for finding in every}


def test_sound_source_has_no_findings() -> None:
    """A plain database on a roomy host gives nothing to worry about."""
    assert found(target=ROOMY) == {}


@pytest.mark.parametrize(
    ("finding", "severity", "facts"),
    [
        ("server-is-standby", "blocker", {"database": quoting.database(server={"is_standby": True})}),
        ("user-may-not-freeze", "blocker", {"database": quoting.database(server={"may_freeze": False})}),
        ("encoding-not-utf8", "warning", {"database": quoting.database(server={"encoding": "LATIN1"})}),
        (
            "table-unreadable",
            "blocker",
            {"database": quoting.database(tables=(quoting.table(is_readable=False),))},
        ),
        (
            "row-security",
            "warning",
            {"database": quoting.database(tables=(quoting.table(has_row_security=True),))},
        ),
        ("foreign-table", "warning", {"database": quoting.database(tables=(quoting.table(kind="foreign"),))}),
        ("unlogged-table", "info", {"database": quoting.database(tables=(quoting.table(is_unlogged=True),))}),
        ("table-without-key", "info", {"database": quoting.database(tables=(quoting.table(has_key=False),))}),
        ("large-objects", "info", {"database": quoting.database(counts={"large_objects": 2})}),
        ("materialized-views", "info", {"database": quoting.database(counts={"materialized_views": 1})}),
        ("event-triggers", "warning", {"database": quoting.database(counts={"event_triggers": 1})}),
        (
            "superusers-may-write",
            "info",
            {
                "database": quoting.database(
                    roles=(Role(name="boss", may_log_in=True, is_superuser=True, may_replicate=False),)
                )
            },
        ),
        (
            "long-transaction",
            "warning",
            {
                "database": quoting.database(
                    long_transactions=(LongTransaction(who="session 7", seconds=900, is_prepared=False),)
                )
            },
        ),
        (
            "prepared-transaction",
            "warning",
            {
                "database": quoting.database(
                    long_transactions=(LongTransaction(who="x", seconds=900, is_prepared=True),)
                )
            },
        ),
        ("files-unreadable", "blocker", {"tree": quoting.tree(unreadable_count=1)}),
        ("odd-file-names", "warning", {"tree": quoting.tree(odd_name_count=1, odd_names=("a\\nb",))}),
        ("files-not-regular", "info", {"tree": quoting.tree(others=2)}),
        ("files-special", "blocker", {"tree": quoting.tree(special=1)}),
        ("legacy-disk-low", "warning", {"host": HOST.model_copy(update={"disk_free_bytes": 10**8})}),
        (
            "interface-silent",
            "blocker",
            {
                "interface": InterfaceFacts(
                    name="labor", kind="https", host="server", answers=False, detail="refused"
                )
            },
        ),
        (
            "interface-held",
            "warning",
            {
                "interface": InterfaceFacts(
                    name="labor", kind="https", host="server", answers=True, detail="held, 3 accepted"
                )
            },
        ),
        ("target-disk-low", "blocker", {"target": ROOMY.model_copy(update={"free_bytes": 10**9})}),
        (
            "target-older-than-source",
            "blocker",
            {"target": ROOMY.model_copy(update={"version_number": 140000})},
        ),
        (
            "extension-missing",
            "blocker",
            {
                "target": ROOMY,
                "database": quoting.database(extensions=(Extension(name="postgis", version="3.3"),)),
            },
        ),
    ],
)
def test_each_fact_has_its_finding(finding: str, severity: str, facts: dict[str, object]) -> None:
    """What would hurt the move is found under a stable id, with meaning and remedy."""
    every = found(**facts)  # type: ignore[arg-type] # one table of facts for several parameters
    assert list(every) == [finding]
    one = every[finding]
    assert one.severity == severity
    assert one.meaning
    assert one.remedy


def test_blockers_come_first() -> None:
    """Who reads only the first line reads the worst."""
    database = quoting.database(server={"is_standby": True}, counts={"large_objects": 1})
    assert list(found(database=database)) == ["server-is-standby", "large-objects"]


@given(factor=st.integers(2, 50))
def test_more_data_never_takes_less_time(factor: int) -> None:
    """The estimate grows with the volume, and its low end never passes the high one."""
    small, large = quoting.tree(), quoting.tree(count=2400 * factor, bytes=310_000_000 * factor)
    first, second = (
        estimate_stop([quoting.database()], [small], 2),
        estimate_stop([quoting.database()], [large], 2),
    )
    assert first.low_seconds < second.low_seconds
    assert first.high_seconds < second.high_seconds
    assert all(part.low_seconds <= part.high_seconds for part in second.parts)


def test_fingerprint_holds_within_a_tenth() -> None:
    """A day's growth changes nothing; a fifth more data or another schema does."""
    first = Fingerprint(schema_digest="a", bytes=1000, files=100)
    assert first.still_holds_for(Fingerprint(schema_digest="a", bytes=1090, files=109))
    assert not first.still_holds_for(Fingerprint(schema_digest="a", bytes=1200, files=100))
    assert not first.still_holds_for(Fingerprint(schema_digest="b", bytes=1000, files=100))
