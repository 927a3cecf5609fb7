"""`fab drift` and `fab unlock` on a real site of this machine, under the real engine."""

import json
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from provisioning.workspace import Workspace
from tests.support.drift_command import drift, fab
from tests.support.standing_site import Standing

pytestmark = pytest.mark.engine

STACK = "birke-test"


@pytest.fixture
def workspace(standing: Standing) -> Workspace:
    return standing.stack.workspace


def checkpoint(workspace: Workspace) -> bytes:
    """The stack's state, as it lies in the backend."""
    return next((workspace.state / "pulumi").rglob(f"stacks/**/{STACK}.json")).read_bytes()


def test_a_sound_site_is_clean_by_each_of_its_checks(
    standing: Standing, workspace: Workspace, tmp_path: Path
) -> None:
    """Exit 0; each verdict for itself, all of the site compared, nothing adopted, no secret kept or shown."""
    before = checkpoint(workspace)
    files = ("--junit", str(tmp_path / "junit.xml"), "--html", str(tmp_path / "drift.html"))
    found = drift(workspace, *files)
    assert (found.status, found.said["status"]) == (0, "clean"), found.says(STACK)
    seen = found.of(STACK)
    clean = {"refresh": "clean", "preview": "clean", "unmanaged": "clean"}
    assert seen["outcomes"] == {**clean, "policy": "nothing", "maintenance": "nothing"}
    assert seen["resources"] > 20
    assert seen["good_check_hours_ago"] < 0.1
    assert checkpoint(workspace) == before
    kept = [*(workspace.state / "drift").iterdir(), *tmp_path.iterdir()]
    secret = standing.site.verification_token.get_secret_value()
    assert len(kept) == 3
    assert not any(secret in path.read_text() for path in kept)

    again = fab(workspace, "drift", "--last")
    assert (again.returncode, again.stdout.splitlines()[1].split()[:5]) == (
        0,
        [STACK, "clean", "clean", "nothing", "clean"],
    )


def test_what_differs_is_told_by_verdict_and_property(standing: Standing, workspace: Workspace) -> None:
    """By hand, not applied yet, beside the program: told apart at once; an exception excuses one."""
    extra = standing.place.path("etc/supervisor.d/miner.conf")
    exceptions = workspace.stacks / "drift-exceptions.yaml"
    standing.place.run(standing.place.path("bin/door"), "open")
    standing.as_superuser("CREATE ROLE intruder LOGIN SUPERUSER")
    standing.as_superuser("DROP OWNED BY care_migration")
    standing.as_superuser("DROP ROLE care_migration")
    extra.write_text("")
    standing.stack.set_config("bascule:door", "suspended")
    standing.stack.set_config("bascule:doorReason", "moved")
    try:
        found = drift(workspace, "--tenant", "birke")
        assert found.status == 1
        told = found.verdicts(STACK)
        assert told >= {
            ("refresh", "drifted", "birke-door", "state"),
            ("refresh", "gone", "birke-db-care_migration", ""),
            ("preview", "pending", "birke-door", "state"),
            ("preview", "pending", "birke-door", "reason"),
            ("unmanaged", "unmanaged", "role intruder", ""),
            ("unmanaged", "unmanaged", "service miner", ""),
        }
        assert not [one for one in told if one[1] in ("error", "stopped")]
        assert fab(workspace, "unmanaged", "--tenant", "birke", "--environment", "test").returncode == 5
        today = datetime.now(UTC).date()
        exceptions.write_text(
            f"- {{stack: {STACK}, resource: birke-door, property: state, verdict: drifted,"
            f" owner: rosa@vendor.example, reason: opened for the audit, expires: {today}}}\n"
        )
        shown = fab(workspace, "drift", "--last").stdout
        assert "birke-door.state  [excused: rosa@vendor.example until " in shown
    finally:
        exceptions.unlink(missing_ok=True)
        extra.unlink()
        standing.as_superuser("DROP ROLE intruder")
        for key in ("door", "doorReason"):
            standing.stack.run("config", "rm", f"bascule:{key}")
        standing.stack.up()


def test_an_old_patch_level_is_told(standing: Standing, workspace: Workspace) -> None:
    """What the manifest asks for at least is asked of the site's own servers."""
    path = workspace.stacks / "birke.yaml"
    before = path.read_text()
    asked = {"operations": {"maintenance": {"postgresql": "99.0", "openssl": "1.0"}}}
    path.write_text(yaml.safe_dump({**yaml.safe_load(before), **asked}))
    try:
        found = drift(workspace)
    finally:
        path.write_text(before)
    assert found.status == 1, found.says(STACK)
    assert found.verdicts(STACK) == {("maintenance", "maintenance", "postgresql", "")}
    assert "at least 99.0" in found.says(STACK)


def test_a_lost_database_stops_the_check_and_nothing_is_adopted(
    standing: Standing, workspace: Workspace
) -> None:
    """What holds data is gone: the place is checked, nothing further is looked at, the state stays whole."""
    before = checkpoint(workspace)
    standing.place.run(
        *("psql", "-X", "-q", "-h", standing.place.path("run"), "-U", "postgres"),
        *("-d", "postgres", "-c", "DROP DATABASE care WITH (FORCE)"),
    )
    try:
        found = drift(workspace, "--stack", STACK)
        assert found.status == 1
        assert ("refresh", "gone", "birke-database", "") in found.verdicts(STACK)
        assert "what holds data is gone: birke-database" in found.says(STACK)
        assert "host are the right ones. Nothing was adopted" in found.says(STACK)
        outcomes = found.of(STACK)["outcomes"]
        assert [outcomes[check] for check in ("preview", "policy", "unmanaged")] == ["stopped"] * 3
        assert checkpoint(workspace) == before
    finally:
        standing.stack.up()


def test_what_cannot_be_told_ends_with_two(
    standing: Standing, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No key to the state, another backend, a wrong file of exceptions: never clean, and the age stays."""
    (tmp_path / "passphrase").write_text("a wrong one")
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE_FILE", str(tmp_path / "passphrase"))
    found = drift(workspace)
    assert (found.status, found.said["status"]) == (2, "unknown")
    assert "passphrase" in found.says(STACK)
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE_FILE")
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path / 'empty'}")
    found = drift(workspace)
    assert found.status == 2
    assert "is not in this state backend" in found.says(STACK)
    assert found.of(STACK)["good_check_hours_ago"] > 0
    monkeypatch.delenv("PULUMI_BACKEND_URL")
    exceptions = workspace.stacks / "drift-exceptions.yaml"
    exceptions.write_text("- {}\n")
    try:
        done = fab(workspace, "drift", "--last")
        assert (done.returncode, "to correct" in done.stderr) == (2, True)
    finally:
        exceptions.unlink()


def test_a_lock_that_was_left_over_is_shown_and_broken(standing: Standing, workspace: Workspace) -> None:
    """Holder and age are told; one at work is not compared; `fab unlock` breaks only the dead one's."""
    place = workspace.state / "pulumi/.pulumi/locks/organization/bascule" / STACK / "one.json"
    place.parent.mkdir(parents=True, exist_ok=True)
    lock = {"pid": 2**22 + 1, "username": "rosa", "hostname": socket.gethostname()}
    place.write_text(json.dumps({**lock, "timestamp": "2026-01-01T00:00:00Z"}))
    found = drift(workspace, "--last")
    assert ("record", "locked", "", "") in found.verdicts(STACK)
    assert "left over by process 4194305 of rosa" in found.says(STACK)
    done = fab(workspace, "unlock", "--stack", STACK)
    assert (done.returncode, "there is no process 4194305" in done.stdout) == (0, True), done.stderr
    assert not place.exists()
    assert fab(workspace, "unlock", "--stack", STACK).stdout == f"{STACK}: not locked\n"

    elsewhere = {**lock, "hostname": "elsewhere", "timestamp": datetime.now(UTC).isoformat()}
    place.write_text(json.dumps(elsewhere))
    try:
        found = drift(workspace)
        assert found.status == 2
        assert f"updated by process {lock['pid']} of rosa on elsewhere" in found.says(STACK)
        assert fab(workspace, "unlock", "--stack", STACK).returncode == 1
        assert place.exists()
    finally:
        place.unlink()
