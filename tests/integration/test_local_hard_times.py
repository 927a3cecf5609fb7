"""The local substrate when things end half-way, and when nobody is root."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.waiting import wait_until
from provisioning.engine import Stack
from provisioning.local import image
from provisioning.local.operator import SYSTEM_USER, operator
from provisioning.local.place import File, Place
from provisioning.pulumi_command import environment, executable
from provisioning.workspace import Workspace
from tests.support.local_sites import CHECKOUT, local_workspace, place_of, temporary

LAUNCHER = CHECKOUT / "provisioning" / "local" / "plugin" / "pulumi-resource-bascule"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return local_workspace(tmp_path, "erle")


def _runs(process: int) -> bool:
    """Not so once it is a zombie, which a container's first process may never take away."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


def test_plugin_says_its_port_and_goes_with_its_engine(tmp_path: Path) -> None:
    """The plugin's first line is its port, wherever it is started; with its engine killed, it ends too."""
    script = (
        "import subprocess, sys, time\n"
        f"p = subprocess.Popen([{str(LAUNCHER)!r}, '--logtostderr', '127.0.0.1:1'], stdout=subprocess.PIPE)\n"
        "print(p.pid, p.stdout.readline().decode().strip(), flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as engine:
        assert engine.stdout is not None
        plugin, port = map(int, engine.stdout.readline().split())
        assert 1024 < port < 65536
        assert _runs(plugin)
        engine.kill()
    assert wait_until(lambda: not _runs(plugin), deadline_seconds=10)


def test_update_killed_half_way_is_repeated(workspace: Workspace) -> None:
    """kill -9 while the cluster is made: the next update stands the site up, and destroy leaves nothing."""
    with temporary(Stack(workspace, "erle-test")) as stack:
        place = place_of(workspace, stack.name)
        engine = subprocess.Popen(
            [executable(), "up", "--yes", "--stack", stack.name, "--non-interactive"],
            cwd=workspace.root,
            env=environment(workspace),
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            made = wait_until(lambda: any(place.folder.glob("pg*")), deadline_seconds=60, pace_seconds=0.02)
        finally:
            os.kill(engine.pid, signal.SIGKILL)
            engine.wait()
        assert made
        stack.up()
        same, told = stack.matches_its_program()
        assert same, told
        assert not list(place.folder.glob("pg.new-*"))

        # The engine never heard of any of it, as after the loss of its state.
        shutil.rmtree(workspace.state / "pulumi")
        stack.ensure()
        stack.up()
        same, told = stack.matches_its_program()
        assert same, told

        # A cluster that somebody removed comes back with its roles and database.
        place.run("rm", "-rf", place.path("pg"))
        stack.up()
        same, told = stack.matches_its_program()
        assert same, told

        stack.destroy()
        assert not place.exists
        assert place.strays() == set()


@pytest.fixture
def planted() -> Iterator[Place]:
    """A host's folder in which something hostile has linked away a file and a folder."""
    place = Place(operator().home / "hosts" / f"planted-{os.getpid()}" / "host")
    place.make_folder("etc")
    try:
        yield place
    finally:
        place.remove_all()


def test_planted_links_lead_root_nowhere(planted: Place, tmp_path: Path) -> None:
    """A link in the place of a file is replaced, not followed; behind a linked folder root writes nothing."""
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    planted.run("ln", "-s", victim, planted.path("etc/file"))
    planted.write({"etc/file": File("ours")})
    assert victim.read_text() == "untouched"
    assert planted.observe(["etc/file"]) == {"etc/file": File("ours").digest}
    assert planted.path("etc/file").stat().st_uid == planted.folder.stat().st_uid
    if os.geteuid() == 0:
        planted.run("ln", "-s", "/etc", planted.path("linked"))
        with pytest.raises(Exception, match="Permission denied"):
            planted.write({"linked/bascule-was-here": File("x")})
        assert not Path("/etc/bascule-was-here").exists()


UNPRIVILEGED = """
import os, sys
from pathlib import Path
from provisioning.engine import Stack
from provisioning.workspace import Workspace
from provisioning.local.operator import operator
from tests.support.local_sites import local_workspace, place_of, temporary

assert os.geteuid() != 0
workspace = local_workspace(Path(sys.argv[1]), "esche")
with temporary(Stack(workspace, "esche-test")) as stack:
    stack.up()
    same, told = stack.matches_its_program()
    assert same, told
    place = place_of(workspace, stack.name)
    assert place.folder.is_relative_to(Path.home() / ".local" / "state" / "bascule")
    assert stack.outputs().ssh.config.count("User " + operator().name) == 1
    stack.destroy()
    assert not place.exists and not place.strays()
print("stood and went")
"""


def engine_readable_in(folder: Path) -> dict[str, str]:
    """Return the environment in which another user finds the engine: its cache lies in our own home."""
    named = executable()
    if named.is_relative_to(CHECKOUT / "tests"):
        return {}  # the double, which lies where everybody can read it
    shutil.copytree(named.parent, folder / "engine", symlinks=False)
    return {"BASCULE_PULUMI": str(folder / "engine" / "pulumi")}


def test_site_stands_without_root(tmp_path_factory: pytest.TempPathFactory) -> None:
    """An ordinary user stands a site up and destroys it: below the own home, with the same code."""
    image.ensure()
    switch = operator().switch
    if os.geteuid() != 0:
        folder, home = tmp_path_factory.mktemp("mine"), Path.home()
    else:
        # As root, somebody else has to be asked; anybody may read this checkout, or there is nobody.
        home = operator().home
        folder = home / f"unprivileged-{os.getpid()}"
        Place(folder).make_folder()
        readable = subprocess.run([*switch, "test", "-r", CHECKOUT / "pyproject.toml"], check=False)
        if readable.returncode != 0:
            pytest.skip(f"{CHECKOUT} is not readable by {SYSTEM_USER}, so no other user can run it")
    try:
        done = subprocess.run(
            [*switch, sys.executable, "-c", UNPRIVILEGED, str(folder)],
            cwd=CHECKOUT,
            env={
                **os.environ,
                **(engine_readable_in(folder) if os.geteuid() == 0 else {}),
                "HOME": str(home),
                "PYTHONPATH": str(CHECKOUT),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
        assert done.stdout.endswith("stood and went\n"), done.stdout + done.stderr
    finally:
        if os.geteuid() == 0:
            shutil.rmtree(folder / "engine", ignore_errors=True)  # ours, not the other user's
            Place(folder).run("rm", "-rf", folder)
