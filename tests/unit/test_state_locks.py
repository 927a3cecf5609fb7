"""Locks of the state backend: whose they are, how old, and when one may be broken."""

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from migrate.drift.report import locked
from migrate.waiting import wait_until
from provisioning.engine import Stack
from provisioning.errors import EngineError
from provisioning.state_locks import state_locks
from provisioning.workspace import Workspace
from tests.support.object_store import BUCKET, an_object_store

STACK = "birke-prod"
KEY = f".pulumi/locks/organization/bascule/{STACK}/one.json"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace whose state lies in files of its own."""
    monkeypatch.delenv("PULUMI_BACKEND_URL", raising=False)
    (tmp_path / "Pulumi.yaml").write_text("name: bascule\n")
    return Workspace(tmp_path)


@pytest.fixture
def engine() -> Iterator["subprocess.Popen[bytes]"]:
    """A process that is called as the engine is."""
    with subprocess.Popen(["bash", "-c", "exec -a pulumi sleep 60"]) as process:
        command = Path(f"/proc/{process.pid}/cmdline")
        assert wait_until(
            lambda: command.read_bytes().startswith(b"pulumi\0"), deadline_seconds=20, pace_seconds=0.01
        )
        yield process
        process.kill()


def content(pid: int, host: str = "", since: datetime | None = None) -> str:
    at = since or datetime.now(UTC) + timedelta(seconds=5)
    host = host or socket.gethostname()
    return json.dumps({"pid": pid, "username": "rosa", "hostname": host, "timestamp": at.isoformat()})


def locked_by(workspace: Workspace, text: str, key: str = KEY) -> Path:
    path = workspace.state / "pulumi" / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def dead_pid() -> int:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    return process.pid


def test_a_dead_processs_lock_is_told_and_broken(workspace: Workspace) -> None:
    """Holder and age are shown; the proof is that there is no such process; only this lock goes."""
    since = datetime.now(UTC) - timedelta(hours=2)
    path = locked_by(workspace, content(pid := dead_pid(), since=since))
    other = locked_by(workspace, content(pid), KEY.replace(STACK, "erle-prod"))
    foreign = locked_by(workspace, content(pid), KEY.replace("/bascule/", "/another/"))
    lock = state_locks(workspace)[0]
    assert (lock.stack, lock.user, lock.pid, len(state_locks(workspace))) == (STACK, "rosa", pid, 2)
    finding = locked(lock, since + timedelta(hours=2))
    assert finding
    assert f"left over by process {pid} of rosa on {socket.gethostname()}" in finding.says
    assert "(2.0 h)" in finding.says
    assert lock.breaking() == f"there is no process {pid} on this machine"
    assert (path.exists(), other.exists(), foreign.exists()) == (False, True, True)


def test_a_living_engines_lock_is_not_broken(workspace: Workspace, engine: "subprocess.Popen[bytes]") -> None:
    """A process that may hold the lock keeps it, however old it is; so does any of another machine."""
    path = locked_by(workspace, content(engine.pid))
    with pytest.raises(EngineError, match="is alive"):
        state_locks(workspace)[0].breaking()
    with pytest.raises(EngineError, match=f"being updated by process {engine.pid}"):
        Stack(workspace, STACK).break_dead_lock()
    path.write_text(content(dead_pid(), host="elsewhere", since=datetime(2026, 1, 1, tzinfo=UTC)))
    lock = state_locks(workspace)[0]
    with pytest.raises(EngineError, match=r"(?s)another machine.*fab unlock on elsewhere"):
        lock.breaking()
    finding = locked(lock, datetime.now(UTC))
    assert finding
    assert "not proven dead from here" in finding.says
    assert path.exists()


def test_a_number_that_was_used_again_proves_a_death(
    workspace: Workspace, engine: "subprocess.Popen[bytes]"
) -> None:
    """A process that began after the lock was made, or that is no engine, did not make it."""
    locked_by(workspace, content(engine.pid, since=datetime.now(UTC) - timedelta(hours=1)))
    assert "began after the lock was made" in state_locks(workspace)[0].death
    locked_by(workspace, content(os.getpid()))
    assert "is not the engine" in state_locks(workspace)[0].death


def test_an_update_at_work_is_no_finding(workspace: Workspace, engine: "subprocess.Popen[bytes]") -> None:
    """For an hour a lock is an update; afterwards it is one that somebody has to look after."""
    locked_by(workspace, content(engine.pid))
    lock = state_locks(workspace)[0]
    assert locked(lock, lock.since + timedelta(minutes=59)) is None
    assert locked(lock, lock.since + timedelta(minutes=61))


def test_locks_in_s3_are_seen_and_broken(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A team's state in a bucket is looked at in the same way; of another backend that is said."""
    with an_object_store(monkeypatch) as store:
        monkeypatch.setenv("PULUMI_BACKEND_URL", f"s3://{BUCKET}/team?region=eu-central-2")
        for key in (f"team/{KEY}", f"elsewhere/{KEY}"):
            store.client.put_object(Bucket=BUCKET, Key=key, Body=content(dead_pid()).encode())
        (lock,) = state_locks(workspace)
        assert "there is no process" in lock.breaking()
        assert state_locks(workspace) == []
        assert store.client.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 1
    monkeypatch.setenv("PULUMI_BACKEND_URL", "postgres://state")
    with pytest.raises(EngineError, match="backend postgres: cannot be looked at"):
        state_locks(workspace)


def test_a_lock_that_cannot_be_read_is_no_free_stack(workspace: Workspace) -> None:
    """What is half written is told, not passed by."""
    locked_by(workspace, "{")
    with pytest.raises(EngineError, match="cannot be read"):
        state_locks(workspace)
