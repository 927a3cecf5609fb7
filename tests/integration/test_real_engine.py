"""What only the real Pulumi engine can show; everywhere else its double may stand in."""

import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.connections import write_access
from migrate.waiting import wait_until
from provisioning.engine import Stack
from provisioning.pulumi_command import environment, executable
from provisioning.workspace import Workspace
from tests.support.local_sites import local_workspace, place_of, temporary
from tools.pulumi.setting import VERSION

pytestmark = pytest.mark.engine


@pytest.fixture
def proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Where an engine that has fetched nothing yet asks for what lies elsewhere; nobody answers there."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{listening.getsockname()[1]}")
        monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "engine-home"))
        yield listening


def was_asked(proxy: socket.socket) -> bool:
    """Tell whether anybody connected, and let them go."""
    proxy.settimeout(0)
    try:
        proxy.accept()[0].close()
    except BlockingIOError:
        return False
    return True


def test_the_engine_is_at_least_the_pinned_one(tmp_path: Path) -> None:
    """What set-up linked says a version that is not older than the SDK's."""
    workspace = local_workspace(tmp_path, "birke")
    said = subprocess.run(
        [executable(), "version"], env=environment(workspace), capture_output=True, text=True, check=True
    ).stdout
    assert [int(n) for n in said.strip().lstrip("v").split("-")[0].split(".")] >= [
        int(n) for n in VERSION.split(".")
    ]
    assert "double" not in said


def test_a_site_stands_up_drifts_and_goes_under_the_real_engine(tmp_path: Path) -> None:
    """Up, a clean preview, drift named, repair, no secret in the state, destroy: with nothing stood in."""
    workspace = local_workspace(tmp_path, "birke")
    with temporary(Stack(workspace, "birke-test")) as stack:
        stack.up()
        site = stack.outputs()
        write_access(workspace, stack.name, site.ssh)
        assert stack.matches_its_program()[0]
        state = "".join(p.read_text() for p in (workspace.state / "pulumi").rglob("*.json"))
        assert site.database.owner.password.get_secret_value() not in state
        assert json.loads(stack.run("stack", "export").stdout)["deployment"]["secrets_providers"]
        stack.run("config", "set", "bascule:door", "suspended")
        matches, said = stack.matches_its_program()
        assert not matches
        assert "door" in said.lower()
        stack.destroy()
        assert not place_of(workspace, stack.name).exists
        assert not workspace.ssh_config(stack.name).parent.exists()


def test_a_local_stack_seeks_no_provider_elsewhere(tmp_path: Path, proxy: socket.socket) -> None:
    """AWS's package is installed for Python; who declares nothing of it does not wait for its provider."""
    stack = Stack(local_workspace(tmp_path, "birke"), "birke-test")
    stack.ensure()
    assert "bascule:local:Host" in stack.run("preview").stdout
    assert not was_asked(proxy)


def test_a_stack_that_declares_on_aws_seeks_its_provider(tmp_path: Path, proxy: socket.socket) -> None:
    """Nobody names it beforehand, so the engine asks for it when the first resource comes."""
    (tmp_path / "stacks").mkdir()
    (tmp_path / "Pulumi.yaml").write_text("name: sky\nruntime: python\nstackConfigDir: stacks\n")
    (tmp_path / "__main__.py").write_text('import pulumi_aws as aws\n\naws.s3.Bucket("b")\n')
    stack = Stack(Workspace(tmp_path), "sky-test")
    stack.ensure()
    engine = subprocess.Popen(
        [executable(), "preview", "--stack", stack.name, "--non-interactive"],
        env=environment(stack.workspace), cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert wait_until(lambda: was_asked(proxy), deadline_seconds=60)
    finally:
        engine.kill()  # it would ask again, and be answered by nobody
        engine.wait()
