"""The commands before the move, typed as a person types them, against a real legacy host."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.support import quoting
from tests.support.moves import Move, a_move

CHECKOUT = Path(__file__).resolve().parents[2]
FAB = Path(sys.prefix) / "bin" / "fab"


@pytest.fixture(scope="module")
def move(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Move]:
    """A workspace with a tenant's manifest and a rate card beside the legacy host that it names."""
    with a_move(tmp_path_factory.mktemp("commands")) as started:
        started.legacy.psql(
            started.dbname, "CREATE TABLE t (id int); INSERT INTO t SELECT generate_series(1, 9)"
        )
        (started.legacy.folder / "documents" / "one.txt").write_text("one")
        shutil.copy(CHECKOUT / "Pulumi.yaml", started.base)
        stacks = started.base / "stacks"
        stacks.mkdir()
        shutil.copy(quoting.EXAMPLE / "stacks" / "rates.yaml", stacks)
        text = yaml.safe_dump(started.manifest.model_dump(mode="json"), allow_unicode=True)
        (stacks / "alpenblick.yaml").write_text(text)
        yield started


def fab(move: Move, *words: str, status: int = 0) -> str:
    """Run one command in the workspace; return what it printed, errors too."""
    done = subprocess.run(
        [FAB, "--search-root", CHECKOUT, *words],
        env={**os.environ, "BASCULE_WORKSPACE": str(move.base)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stdout
    return done.stdout


def test_from_the_request_to_the_agreed_window(move: Move) -> None:
    """Request, assessment, offer, schedule and hours: each says what it did and what to type next."""
    tenant = ("--tenant", "alpenblick")
    said = fab(
        move, "request", *tenant, "--training", "training-online=2", "--at", "2026-11-02T09:00:00+01:00"
    )
    assert said == "alpenblick: asked for by Erika Muster, 2026-11-02\nNext: fab run --tenant alpenblick\n"

    said = fab(move, "assess", *tenant)
    assert "info     table-without-key (main-db)\n" in said
    assert re.search(r"^mode: (live|bulk); estimated stop: \d", said, re.M)
    assert max(len(line) for line in said.splitlines() if not line.startswith("host ")) <= 100
    said = fab(move, "offer", *tenant)
    assert "CHF 3988.90" in said
    offer = move.base / ".state" / "cases" / "alpenblick" / "documents" / "offer.pdf"
    assert offer.read_bytes().startswith(b"%PDF")
    move.legacy.psql(move.dbname, "ALTER TABLE t ADD COLUMN n int")
    whole = fab(move, "assess", *tenant, "--json")
    found = json.loads(whole[whole.index('{"tenant"') :])
    assert found["files"][0]["count"] == 1
    assert found["databases"][0]["mode"] == found["mode"]
    assert found["stale"] == ["offer: the schema of main-db is another"]
    assert found["waived"] == {}
    offer.with_name("offer.pdf.sig").write_text("some signature")
    assert "is signed; a new one would void the signature" in fab(move, "offer", *tenant, status=1)

    said = fab(
        move, "schedule", *tenant, "--opens", "2027-07-03T12:00", "--closes", "2027-07-03T13:00", status=1
    )
    assert "breaks 4 rules" in said
    said = fab(move, "schedule", *tenant, "--opens", "2027-07-01T17:00", "--closes", "2027-07-02T12:00")
    assert "Thursday 2027-07-01 17:00 to Friday 2027-07-02 12:00 (Europe/Zurich)" in said
    assert offer.with_name("window.ics").read_bytes().startswith(b"BEGIN:VCALENDAR\r\n")

    said = fab(move, "hours", *tenant, "--position", "conversion", "--hours", "1.5", "--note", "evening")
    assert said == "alpenblick: 1.5 hours of conversion recorded\n"
    assert "take one of conversion, training-on-site, training-online" in fab(
        move, "hours", *tenant, "--position", "move", "--hours", "1", status=1
    )
    assert "1 of weekend recorded" in fab(move, "extra", *tenant, "--position", "weekend", "--quantity", "1")


def test_request_without_sense_is_told(move: Move) -> None:
    """Faulty flags are named as they were typed."""
    said = fab(move, "request", "--tenant", "alpenblick", "--email", "nobody", "--at", "soon", status=1)
    assert "no request was recorded:\n  --at: " in said
    assert "\n  --email: " in said
