"""A tunnel to a site that really stands: admitted when it is deployed, refused when the move is over."""

import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from migrate import legacy_tunnel
from migrate.case import Case
from migrate.connections import Hosts
from migrate.deploy import deploy
from migrate.remote import run
from migrate.step import StepContext
from migrate.steps.ending import retire_mover
from migrate.waiting import wait_until
from provisioning.engine import Stack
from tests.support.behind import alone_with_its_ports
from tests.support.local_sites import local_workspace, manifest, temporary
from tests.support.moves import Told
from tests.support.private_hosts import PrivateHost, private_host

TENANT = "behind"


@pytest.fixture(scope="module")
def legacy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateHost]:
    with private_host("old", tmp_path_factory.mktemp("legacy")) as host:
        yield host


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory, legacy: PrivateHost) -> Iterator[Case]:
    """A tenant whose legacy host opens a tunnel; its site is deployed."""
    base = tmp_path_factory.mktemp("workspace")
    workspace = local_workspace(base, TENANT)
    laid = base / "laid"
    laid.mkdir()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", laid / "key"], check=True)
    (base / "old").symlink_to(legacy.folder / "etc")
    given = manifest(TENANT)
    given["legacy"]["hosts"][0]["tunnel"] = {"public_key": (laid / "key.pub").read_text().strip()}
    given["legacy"]["databases"][0]["port"] = legacy.pg_port
    (workspace.stacks / f"{TENANT}.yaml").write_text(yaml.safe_dump(given))
    with alone_with_its_ports(), temporary(Stack(workspace, f"{TENANT}-prod")):
        made = Case.of(workspace, TENANT)
        deploy(made, "prod", made.manifest.site_name, Told())
        yield made


def test_from_deployment_to_the_end(case: Case, legacy: PrivateHost) -> None:
    """Open once deployed, by the very folder that is laid there; at the end it is gone, the site whole."""
    laid: Path = case.workspace.root / "laid"
    with Hosts(case.workspace, case.manifest) as hosts:
        (host,) = legacy_tunnel.behind(hosts)
        legacy_tunnel.write(hosts, host, "prod", laid)
        with (laid / "log").open("wb") as log:
            process = subprocess.Popen(["sh", laid / "open-tunnel"], stdin=subprocess.DEVNULL, stderr=log)
        try:
            assert wait_until(
                lambda: legacy_tunnel.is_open(hosts, host, "prod"), deadline_seconds=20, pace_seconds=0.1
            ), (laid / "log").read_text()
            with closing(hosts.legacy("old")) as there:
                assert run(there, "pwd").text == str(legacy.folder)

            ctx = StepContext(case, hosts, Told(), "finalize-1")
            assert retire_mover(ctx) == {"match_their_programs": [f"{TENANT}-prod"]}
            assert process.wait(timeout=30) == 3
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(timeout=20)
        assert "the site admits this key no more" in (laid / "log").read_text()
        assert not legacy_tunnel.is_open(hosts, host, "prod")
        legacy_tunnel.close(hosts, ["prod"])  # a repeat finds nothing to end
