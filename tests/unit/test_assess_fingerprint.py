"""Fingerprints: what an estimate, an offer or a rehearsal stays good for."""

from pathlib import Path

import pytest

from migrate.assess.facts import DatabaseFingerprint, Fingerprint
from migrate.assess.staleness import stale
from migrate.case import Case
from provisioning.workspace import Workspace
from tests.support import quoting

PFLEGE = DatabaseFingerprint(
    name="pflege", version=15, schema_digest="a", tables=45, extensions=("citext",), bytes=10**9
)
BEFORE = Fingerprint(
    schema_digest="a", bytes=10**9, files=100, databases=(PFLEGE,), interfaces=("apotheke", "labor")
)


def after(**changes: object) -> Fingerprint:
    one = PFLEGE.model_copy(update=changes)
    return BEFORE.model_copy(update={"databases": (one,), "schema_digest": one.schema_digest})


def test_fingerprint_holds_within_a_tenth() -> None:
    """A day's growth changes nothing; a fifth more data or another schema does."""
    first = Fingerprint(schema_digest="a", bytes=1000, files=100)
    assert first.still_holds_for(Fingerprint(schema_digest="a", bytes=1090, files=109))
    assert not first.still_holds_for(Fingerprint(schema_digest="a", bytes=1200, files=100))
    assert not first.still_holds_for(Fingerprint(schema_digest="b", bytes=1000, files=100))


@pytest.mark.parametrize(
    ("now", "change"),
    [
        (after(schema_digest="b"), "the schema of pflege is another"),
        (after(schema_digest="b", tables=46), "the schema of pflege is another: 46 tables, 45 before"),
        (after(version=16), "pflege runs on PostgreSQL 16, 15 before"),
        (after(extensions=()), "pflege has extensions none, citext before"),
        (BEFORE.model_copy(update={"bytes": 2 * 10**9}), "2000.0 MB of data, 1000.0 MB before"),
        (BEFORE.model_copy(update={"files": 50}), "50 files, 100 before"),
        (BEFORE.model_copy(update={"interfaces": ("labor",)}), "interfaces labor, apotheke, labor before"),
    ],
)
def test_each_change_is_named(now: Fingerprint, change: str) -> None:
    """One line for each, which a person understands without the figures behind it."""
    assert BEFORE.changes(now) == (change,)
    assert not BEFORE.still_holds_for(now)


def test_database_that_came_or_went_is_named() -> None:
    """By its name, whichever way."""
    other = BEFORE.model_copy(update={"databases": (PFLEGE.model_copy(update={"name": "archiv"}),)})
    assert BEFORE.changes(other) == ("no database pflege any more", "database archiv is new")


def test_evidence_of_before_compares_by_its_sums() -> None:
    """What was kept without its databases is still held against what is there now."""
    old = Fingerprint(schema_digest="a", bytes=10**9, files=100)
    assert old.changes(BEFORE) == ()
    assert old.changes(BEFORE.model_copy(update={"schema_digest": "b"})) == ("the schema is another",)


def test_every_evidence_with_a_fingerprint_is_looked_at(tmp_path: Path) -> None:
    """Offer and assessment each say for themselves what changed since; no evidence, nothing stale."""
    case = Case(Workspace(tmp_path), quoting.manifest())
    assert stale(case, BEFORE) == []
    case.write_evidence("assessment", quoting.assessment(fingerprint=BEFORE))
    assert stale(case, BEFORE) == []
    assert stale(case, after(version=16)) == ["assessment: pflege runs on PostgreSQL 16, 15 before"]
