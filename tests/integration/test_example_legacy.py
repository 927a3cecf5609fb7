"""The legacy system as `prepare` stands it up: real servers, killed and frozen at will."""

import json
import os
import signal
import sqlite3
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from examples.alpenblick.prepare import LEGACY, Prepared, prepare, remove
from migrate.waiting import wait_until
from provisioning.engine import Stack
from provisioning.errors import WorkspaceError

SCALE = 0.02
INTERFACES = ("medikamente", "labor")


@dataclass
class Legacy:
    """The running system, and what a test asks of it."""

    prepared: Prepared
    token: str
    superuser: str

    def run(self, command: str, give: str = "") -> str:
        config = self.prepared.workspace.ssh_config(LEGACY)
        done = subprocess.run(
            ["ssh", "-F", config, LEGACY, command], input=give, text=True, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def control(self, name: str, verb: str, give: object = None) -> dict[str, Any]:
        said = self.run(f"connectors/{name} {verb}", json.dumps(give) if give is not None else "")
        answer: dict[str, Any] = json.loads(said)
        return answer

    def await_number(self, name: str, which: str, least: int) -> None:
        """Wait until a connector's count has come that far."""
        eventually(lambda: self.control(name, "status")[which] >= least)

    def kill(self, program: str) -> None:
        """End a program as a power cut would; the supervisor starts it again."""
        said = self.run(f"supervisorctl -c etc/supervisord.conf pid {program}")
        if int(said) > 0:
            os.kill(int(said), signal.SIGKILL)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Ask as the superuser, also while the database is frozen."""
        options = "-c default_transaction_read_only=off"
        with psycopg.connect(self.superuser, autocommit=True, options=options) as session:
            cursor = session.execute(query.encode())
            return cursor.fetchall() if cursor.description else []

    def work(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.prepared.folder / "run" / "workload.json").read_text())
        return found

    def ask(self, path: str, body: object = None) -> tuple[int, dict[str, str], str]:
        ca = (self.prepared.workspace.state / "secrets" / f"{LEGACY}-ca.pem").read_text()
        request = urllib.request.Request(  # noqa: S310 - https, our own
            self.prepared.url + path,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        trust = ssl.create_default_context(cadata=ca)
        try:
            with urllib.request.urlopen(request, context=trust) as answer:  # noqa: S310 - https, our own
                return answer.status, dict(answer.headers), answer.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, dict(error.headers), error.read().decode()

    def freeze(self, on: bool) -> None:
        how = "SET default_transaction_read_only = on" if on else "RESET default_transaction_read_only"
        self.rows(f"ALTER DATABASE alpenblick {how}")
        self.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = 'alpenblick' AND pid <> pg_backend_pid()"
        )


@pytest.fixture(scope="module")
def legacy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Legacy]:
    folder = tmp_path_factory.mktemp("alpenblick") / "demo"
    prepared = prepare(folder, scale=SCALE)
    try:
        outputs = Stack(prepared.legacy, LEGACY).raw_outputs()
        superuser = make_conninfo(
            host=prepared.address,
            dbname="alpenblick",
            user="umzug",
            password=outputs["database"]["migration"]["password"],
            sslmode="verify-full",
            sslrootcert=str(prepared.workspace.state / "secrets" / f"{LEGACY}-ca.pem"),
        )
        yield Legacy(prepared, outputs["interface_token"], superuser)
    finally:
        remove(folder)
    assert not folder.exists()
    assert not prepared.folder.exists()


def eventually(holds: Callable[[], bool], seconds: float = 40) -> None:
    assert wait_until(holds, deadline_seconds=seconds)


def test_a_second_preparation_changes_nothing(legacy: Legacy) -> None:
    """What is prepared is left as it is: same processes, same data; another scale is refused."""
    root = legacy.prepared.workspace.root
    servers = legacy.run("supervisorctl -c etc/supervisord.conf pid all")
    assert prepare(root, scale=SCALE) == legacy.prepared
    assert legacy.run("supervisorctl -c etc/supervisord.conf pid all") == servers
    with pytest.raises(WorkspaceError, match="was prepared with"):
        prepare(root, scale=SCALE * 2)


def test_secrets_have_their_owners_mode(legacy: Legacy) -> None:
    """Passwords and private keys lie in files with mode 0600."""
    state = legacy.prepared.workspace.state
    for path in (*(state / "secrets").iterdir(), *legacy.prepared.keys.values()):
        assert path.stat().st_mode & 0o077 == 0
    secret = (state / "secrets" / f"{LEGACY}-migration").read_text().strip()
    assert secret not in legacy.run("ps -eo args")


def test_nothing_is_lost_when_everything_is_killed(legacy: Legacy) -> None:
    """kill -9 of connectors and application again and again: each message arrives once, in order."""
    programs = ("connector-medikamente", "connector-labor", "application")
    for round_number in range(6):
        for name in INTERFACES:
            legacy.await_number(name, "delivered", legacy.control(name, "status")["delivered"] + 1)
        legacy.kill(programs[round_number % 3])
        legacy.kill(programs[(round_number + 1) % 3])
    for name in INTERFACES:
        legacy.await_number(name, "delivered", legacy.control(name, "status")["accepted"])
        held = legacy.control(name, "hold")
        stored = legacy.rows(
            f"SELECT sequence, id::text FROM schnittstelle.nachricht WHERE interface = '{name}'"
            " ORDER BY received_at, sequence"
        )
        with sqlite3.connect(legacy.prepared.folder / "interfaces" / name / "outbox.sqlite") as outbox:
            sent = outbox.execute(
                "SELECT sequence, id FROM message WHERE delivered ORDER BY sequence"
            ).fetchall()
        outbox.close()
        assert stored == sent
        assert [sequence for sequence, _ in stored] == list(range(1, held["delivered"] + 1))
        assert legacy.control(name, "received")["received"] == held["delivered"]
        legacy.control(name, "release")


def test_a_held_interface_accepts_and_drains_after_its_release(legacy: Legacy) -> None:
    """While held, messages wait and none is sent; released, all arrive."""
    for name in INTERFACES:
        held = legacy.control(name, "hold")
        legacy.await_number(name, "accepted", held["accepted"] + 4)
        status = legacy.control(name, "status")
        assert status["delivered"] == held["delivered"] == legacy.control(name, "received")["received"]
        legacy.control(name, "release")
        legacy.await_number(name, "delivered", status["accepted"])


def test_the_interface_keeps_order_and_knows_each_number(legacy: Legacy) -> None:
    """A gap is refused, a repeat changes nothing, a stranger under a known number is refused."""
    path = "/interfaces/probe-only/messages"
    ids = [f"00000000-0000-4000-8000-00000000000{n}" for n in range(4)]

    def send(sequence: int, ident: str) -> int:
        return legacy.ask(path, {"sequence": sequence, "id": ident, "payload": {}})[0]

    assert send(2, ids[2]) == 409
    assert [send(1, ids[1]), send(1, ids[1]), send(2, ids[2])] == [201, 200, 201]
    assert send(1, ids[3]) == 422
    assert legacy.ask(path, {"probe": True})[0] == 202
    assert json.loads(legacy.ask("/interfaces/probe-only/state")[2]) == {"received": 2, "last_sequence": 2}


def test_without_the_token_nothing_is_told_or_stored(legacy: Legacy) -> None:
    """A wrong token is refused on both endpoints."""
    stranger = Legacy(legacy.prepared, "wrong", "")
    assert stranger.ask("/interfaces/labor/state")[0] == 401
    assert stranger.ask("/interfaces/labor/messages", {"probe": True})[0] == 401


PAGES = """
/ /bewohnende /bewohnende?q=a&alle=1 /bewohnende/2 /assessments /assessments/2 /dokumente /dokumente/1
/assessments?status=in+Arbeit&seite=2 /anhaenge/2 /schnittstellen
"""


@pytest.mark.parametrize("path", PAGES.split())
def test_every_page_shows(legacy: Legacy, path: str) -> None:
    """All pages answer with data of the legacy database and its documents."""
    status, headers, body = legacy.ask(path)
    assert status == 200, body
    assert headers["X-Content-Type-Options"]
    assert len(body) > 900


def test_a_freeze_stops_writing_and_nothing_else(legacy: Legacy) -> None:
    """Frozen: pages and reading go on, messages wait behind 503; thawed: all goes on without a gap."""
    legacy.freeze(on=True)
    try:
        eventually(lambda: not legacy.work()["writing"])
        reads = legacy.work()["reads"]
        eventually(lambda: legacy.work()["reads"] > reads + 3)
        assert legacy.ask("/healthz")[2].strip() == '{"database":"read-only","status":"ok"}'
        assert "Nur lesen" in legacy.ask("/")[2]
        message = {"sequence": 3, "id": "00000000-0000-4000-8000-000000000009", "payload": {}}
        status, headers, _ = legacy.ask("/interfaces/probe-only/messages", message)
        assert (status, headers["Retry-After"]) == (503, "5")
    finally:
        legacy.freeze(on=False)
    eventually(lambda: bool(legacy.work()["writing"]))
    work = legacy.work()
    ((count, highest),) = legacy.rows("SELECT count(*), max(nummer) FROM epdoc.ereignis")
    assert count == highest >= work["last_number"]
    for name in INTERFACES:
        legacy.await_number(name, "delivered", legacy.control(name, "status")["accepted"])


def test_the_application_comes_back_with_its_database(legacy: Legacy) -> None:
    """A database that is killed costs failed requests, not the application."""
    legacy.kill("postgresql")
    eventually(lambda: legacy.ask("/healthz")[0] == 200)
    before = legacy.work()["writes_acknowledged"]
    eventually(lambda: legacy.work()["writes_acknowledged"] > before)
    assert legacy.ask("/")[0] == 200


def test_no_document_is_served_from_outside_its_folder(legacy: Legacy) -> None:
    """A path in the database that climbs out is not followed."""
    legacy.rows(
        "INSERT INTO epdoc.dokument (pfad, titel, bytes, sha256)"
        " VALUES ('../etc/application/pgpass', 'x', 1, sha256('')) RETURNING id"
    )
    ((ident,),) = legacy.rows("SELECT id FROM epdoc.dokument WHERE titel = 'x'")
    assert legacy.ask(f"/dokumente/{ident}")[0] == 404
    assert Path(legacy.prepared.folder, "etc/application/pgpass").exists()
