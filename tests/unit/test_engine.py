"""Bascule drives the Pulumi CLI: outputs come back whole, failures come back told."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from migrate.waiting import wait_until
from provisioning import pulumi_command
from provisioning.engine import Stack
from provisioning.errors import EngineError
from provisioning.workspace import Workspace
from tests.support.engine_workspace import DOUBLE, TinyWorkspace, tiny_workspace

ROLE = {"name": "owner", "password": "role-secret"}
CONTRACT: dict[str, Any] = {
    "tenant": "tiny",
    "environment": "test",
    "substrate": "local",
    "url": "https://127.64.0.1:8443/",
    "ca": "PEM",
    "site_name": "tiny",
    "verification_path": "/.bascule/verify/",
    "verification_token": "token-secret",
    "ssh": {"alias": "tiny-test", "config": "Host tiny-test", "known_hosts": "x", "identity": "key-secret"},
    "database": {
        "host": "127.64.0.1",
        "port": 5432,
        "dbname": "tiny",
        "ca": "PEM",
        "owner": ROLE,
        "application": ROLE,
        "migration": ROLE,
    },
    "files": "/files",
    "backups": "/backups",
    "application_name": "demo",
    "application_version": "1.0",
    "interface_token": "interface-secret",
    "interface_inbox": "inbox",
    "door": {"state": "closed", "command": "bin/door"},
}
EXPORTS = """
import json, os
for name, value in json.load(open(os.environ["CONTRACT"])).items():
    pulumi.export(name, pulumi.Output.secret(value) if "secret" in str(value) else value)
"""


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TinyWorkspace:
    for name in [name for name in os.environ if name.startswith("PULUMI")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("BASCULE_PULUMI", str(DOUBLE))
    made = tiny_workspace(tmp_path / "workspace", with_stack=False)
    monkeypatch.setenv("TINY_FILES", str(made.files))
    return made


@pytest.fixture
def stack(tiny: TinyWorkspace) -> Stack:
    made = Stack(Workspace(tiny.root), tiny.stack)
    made.ensure()
    return made


def test_outputs_come_back_as_the_site_contract(
    tiny: TinyWorkspace, stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Outputs are the contract with secrets hidden, even when the engine warns beside its JSON."""
    contract = tmp_path / "contract.json"
    contract.write_text(json.dumps(CONTRACT))
    monkeypatch.setenv("CONTRACT", str(contract))
    tiny.program(EXPORTS)
    said = stack.up()

    warner = tmp_path / "pulumi"
    warner.write_text(f'#!/bin/sh\necho "warning: a new version" >&2\nexec {DOUBLE} "$@"\n')
    warner.chmod(0o755)
    monkeypatch.setenv("BASCULE_PULUMI", str(warner))
    outputs = stack.outputs()

    assert outputs.database.owner.password.get_secret_value() == "role-secret"
    assert outputs.door.state == "closed"
    assert "-secret" not in repr(outputs) + said
    assert stack.raw_outputs()["interface_token"] == "interface-secret"


def test_a_stack_that_is_not_stood_up_has_no_outputs(stack: Stack) -> None:
    """Asking for outputs too early names the command that makes them."""
    with pytest.raises(EngineError) as told:
        stack.outputs()

    assert str(told.value) == "tiny-test has no outputs: it is not stood up\nNext: pulumi up -s tiny-test"


def test_a_failure_is_told_with_state_and_next_step(tiny: TinyWorkspace, stack: Stack) -> None:
    """A failed update's text holds the engine's own last lines, where things stand and what to type."""
    tiny.program('File("one", "refuse")')

    with pytest.raises(EngineError) as told:
        stack.up()

    assert told.value.what.startswith("pulumi up of tiny-test ended with 255:\n")
    assert "one: this content is refused" in told.value.what
    assert (
        told.value.state == "What was already changed is in the stack's state; a repeat goes on from there."
    )
    assert told.value.next_step == "pulumi up -s tiny-test, after mending the cause above"
    assert stack.run("up", "--yes", check=False).returncode == 255

    with pytest.raises(EngineError, match="no stack named 'other' found"):
        Stack(stack.workspace, "other").raw_outputs()


def test_a_site_matches_its_program_or_does_not(tiny: TinyWorkspace, stack: Stack) -> None:
    """Drift is told with the resource's name, and `up` repairs it; `destroy` leaves nothing."""
    stack.set_config("greeting", "hello")
    tiny.program('File("one", pulumi.Config().require("greeting"))')
    stack.up()
    assert stack.matches_its_program()[0]

    (tiny.files / "one").write_text("by hand")
    matches, said = stack.matches_its_program()
    assert not matches
    assert "tiny:index:File one" in said

    stack.up()
    assert (tiny.files / "one").read_text() == "hello"
    stack.destroy()
    assert not (tiny.files / "one").exists()


def test_a_dead_updates_lock_is_broken_and_a_living_ones_is_not(tiny: TinyWorkspace, stack: Stack) -> None:
    """An update killed on this machine does not stop the next one; one at work does, by its process."""
    tiny.program('File("one", "wait")')
    command = [str(DOUBLE), "up", "--skip-preview", "--stack", stack.name]
    with subprocess.Popen(
        command, cwd=tiny.root, env=pulumi_command.environment(stack.workspace), stdout=subprocess.DEVNULL
    ) as running:
        try:
            assert wait_until((tiny.files / "one").exists, deadline_seconds=30, pace_seconds=0.05)
            with pytest.raises(EngineError, match=f"is being updated by process {running.pid} of "):
                stack.up()
        finally:
            running.kill()

    (tiny.files / "one.go").touch()
    stack.up()
    assert stack.break_dead_lock() is False
    assert stack.matches_its_program()[0]


def test_without_an_engine_set_up_is_named(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing engine is told with its path and the command that brings it."""
    monkeypatch.setenv("BASCULE_PULUMI", "/nowhere/pulumi")

    with pytest.raises(EngineError) as told:
        stack.up()

    assert str(told.value) == "no Pulumi engine at /nowhere/pulumi\nNext: make setup"
    with pytest.raises(SystemExit, match="no Pulumi engine at /nowhere/pulumi"):
        pulumi_command.main(["version"])


def test_pulumi_on_the_projects_path_knows_the_workspace(
    tiny: TinyWorkspace, stack: Stack, tmp_path: Path
) -> None:
    """`pulumi`, typed anywhere below a workspace or with -C, uses its state and passphrase."""
    tiny.program('File("one", "hello")')
    wrapper = str(Path(sys.prefix) / "bin" / "pulumi")

    def typed(*words: str, folder: Path) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([wrapper, *words], cwd=folder, text=True, capture_output=True, check=False)

    inside = typed("up", "--yes", "--stack", stack.name, folder=tiny.root / "stacks")
    assert inside.returncode == 0, inside.stdout + inside.stderr
    for words in (["-C", str(tiny.root)], [f"--cwd={tiny.root}"]):
        outside = typed(*words, "preview", "--expect-no-changes", folder=tmp_path)
        assert outside.returncode == 0, outside.stdout + outside.stderr
    assert typed("version", folder=tmp_path).stdout == "v3.259.0\n"

    passphrase = stack.workspace.passphrase_file
    assert passphrase.stat().st_mode & 0o777 == 0o600
    assert len(passphrase.read_text().strip()) > 30


def test_the_callers_own_backend_and_passphrase_win(
    tiny: TinyWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A team's PULUMI_BACKEND_URL and passphrase are used instead of the workspace's."""
    (tmp_path / "team").mkdir()
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path / 'team'}")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "the team's")
    stack = Stack(Workspace(tiny.root), tiny.stack)
    stack.ensure()

    assert (tmp_path / "team" / ".pulumi" / "stacks" / "tiny" / f"{stack.name}.json").exists()
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" not in pulumi_command.environment(stack.workspace)
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "another")
    with pytest.raises(EngineError, match="incorrect passphrase"):
        stack.up()
