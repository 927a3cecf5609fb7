"""Blockers stop the preparation at a real legacy host, until they are mended or waived by name."""

import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from migrate import waivers
from migrate.assess import assess, shown
from migrate.assess.facts import Assessment
from migrate.assess.staleness import fingerprint_now, stale
from migrate.case import Case
from migrate.errors import MigrationError, Refused
from migrate.steps import preparation
from migrate.waivers import Waiver
from tests.support.assessing import make_quick
from tests.support.moves import Move, Told, a_move

VERA = "vera@vendor.example"
TRAP = (
    "CREATE TABLE stufen (id int PRIMARY KEY); INSERT INTO stufen VALUES (1);"
    "CREATE FUNCTION kennt(int) RETURNS boolean LANGUAGE sql"
    " AS 'SELECT EXISTS (SELECT FROM stufen WHERE id = $1)';"
    "CREATE TABLE t (id int PRIMARY KEY CHECK (kennt(id))); INSERT INTO t VALUES (1)"
)
STATE = "Nothing was changed; assessing only reads."


@pytest.fixture(scope="module")
def move(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Move]:
    with a_move(tmp_path_factory.mktemp("waivers")) as started:
        started.legacy.psql(started.dbname, TRAP)
        (started.base / "stacks").mkdir()
        yield started


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    make_quick(monkeypatch)


@pytest.fixture(scope="module")
def key(move: Move) -> Path:
    """A key that signs for the vendor."""
    path = move.base / "vera"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    public = " ".join(path.with_suffix(".pub").read_text().split()[:2])
    allowed = move.base / "stacks" / "allowed_signers"
    allowed.write_text(f'vendor,{VERA} namespaces="bascule" {public}\n')
    return path


@pytest.fixture
def case(move: Move) -> Case:
    with move.hosts() as hosts:
        return Case(hosts.workspace, move.manifest)


def waiver(what: str) -> Waiver:
    now = datetime.now(UTC)
    return Waiver(
        tenant="alpenblick",
        what=what,
        by=VERA,
        reason="The rehearsal loaded it all the same.",
        given_at=now,
        expires_at=now + timedelta(hours=1),
    )


def prepare(move: Move) -> dict[str, object]:
    with move.hosts() as hosts:
        return dict(preparation.assess(move.context(hosts, "preparation-1")))


def test_blockers_stop_the_preparation_with_a_list(move: Move) -> None:
    """Each with what to do, those that no waiver can help told as that, and the command for the others."""
    path = move.legacy.folder / "documents" / "pipe"
    os.mkfifo(path)
    try:
        with pytest.raises(MigrationError) as told:
            prepare(move)
    finally:
        path.unlink()
    lines = str(told.value).splitlines()
    assert lines[0] == "2 findings block the move of alpenblick:"
    assert lines[1].startswith("  files-special (documents): pipes, sockets or devices: 1; ")
    assert lines[1].endswith(". No waiver can help")
    assert lines[2].startswith(
        "  search-path-trap (main-db): public.kennt names stufen unqualified, called by constraint"
    )
    assert lines[3] == STATE
    assert lines[4].endswith(
        "fab waive --tenant alpenblick --what finding:search-path-trap:main-db"
        " --by … --reason … --expires … --key …"
    )


@pytest.mark.parametrize("what", ["finding:search-path-trap:main-db", "finding:search-path-trap"])
def test_waived_finding_lets_the_preparation_go_on(
    move: Move, case: Case, key: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By id, with or without subject; shown as waived, with who and until; expired, it blocks again."""
    given = waivers.give(case, waiver(what), key)
    try:
        assert prepare(move)["waived"] is True
        found = case.read_evidence("assessment", Assessment)
        screen = "\n".join(shown.lines(found, waivers.of_findings(case, found.findings), []))
        assert "\nwaived   search-path-trap (main-db)\n" in screen
        assert f"waived by {VERA} until {given.expires_at:%Y-%m-%d %H:%M UTC}" in screen
        assert "; 1 waived\n" in screen
        monkeypatch.setattr(Waiver, "expired", property(lambda _: True))
        with pytest.raises(MigrationError, match="1 finding blocks the move"):
            prepare(move)
    finally:
        for file in (case.folder / "waivers").iterdir():
            file.unlink()


def test_waiver_of_another_subject_covers_nothing(move: Move, case: Case, key: Path) -> None:
    """It names one database; the same trouble of another one is not let be."""
    waivers.give(case, waiver("finding:search-path-trap:archiv"), key)
    with pytest.raises(MigrationError, match="1 finding blocks the move"):
        prepare(move)


def test_waiver_that_could_not_help_is_refused(case: Case, key: Path) -> None:
    """A misspelt id, and a finding with which nothing could work, whoever signs."""
    with pytest.raises(Refused) as told:
        waivers.give(case, waiver("finding:search-path-trapp:main-db"), key)
    assert told.value.what == "there is no finding search-path-trapp; did you mean search-path-trap?"
    with pytest.raises(
        Refused, match="finding server-is-standby cannot be waived: a standby cannot be frozen"
    ):
        waivers.give(case, waiver("finding:server-is-standby"), key)


def test_what_changed_since_is_named(move: Move, case: Case) -> None:
    """A table, an extension, files: what the estimate rested on is held against what is there now."""
    with move.hosts() as hosts:
        kept = assess(case, hosts, Told())
        assert stale(case, fingerprint_now(case, hosts)) == []
        move.legacy.psql(move.dbname, "CREATE TABLE neu (id int); CREATE EXTENSION citext")
        (move.legacy.folder / "documents" / "more.txt").write_bytes(b"x" * 3_000_000)
        now = fingerprint_now(case, hosts)
    assert now.files == kept.fingerprint.files + 1
    assert stale(case, now) == [
        "assessment: main-db has extensions citext, none before",
        "assessment: the schema of main-db is another: 3 tables, 2 before",
        f"assessment: {now.bytes / 1e6:.1f} MB of data, {kept.fingerprint.bytes / 1e6:.1f} MB before",
        "assessment: 1 files, 0 before",
    ]
