"""The way to a host on AWS: the generated ssh_config, a real sshd, and the command line of AWS doubled."""

import os
import pwd
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from migrate import door
from migrate.connections import Hosts, connect, write_access
from migrate.databases import Database, site_database
from migrate.errors import ConnectionFailed
from migrate.remote import run
from migrate.tunnels import Tunnel
from migrate.web import ask
from provisioning.aws.access import NOTHING_REPORTED, known_hosts, runner_alias, ssh_config
from provisioning.door_state import DoorState
from provisioning.manifest import Manifest
from provisioning.site import SshAccess
from provisioning.workspace import Workspace
from tests.support.aws_balancer import balancer_before
from tests.support.aws_host import laid_down
from tests.support.local_sites import manifest as local_manifest
from tests.support.private_hosts import PrivateHost, private_host
from tests.support.tiny_site import TinySite

STACK, REGION, INSTANCE = "alpha-prod", "eu-central-2", "i-0123456789abcdef0"
RUNNER = "i-0123456789abcdef1"

AWS = '''\
#!{python}
"""
`aws` as the ssh_config calls it: it knows a host and a runner, and refuses all other words.

Both lead to one sshd; which of them was asked for is kept.
"""
import socket, sys, threading
from contextlib import suppress
from pathlib import Path

INSTANCES = {instances}
words = sys.argv[1:]
role = next((name for name in INSTANCES if f"Name=tag:role,Values={{name}}" in words), None)
FOUND = ["ec2", "describe-instances", "--region", "{region}", "--output", "text", "--filters",
         "Name=tag:stack,Values={stack}", f"Name=tag:role,Values={{role}}",
         "Name=instance-state-name,Values=running", "--query", "Reservations[0].Instances[0].InstanceId"]
SESSION = ["ssm", "start-session", "--region", "{region}", "--document-name", "AWS-StartSSHSession",
           "--parameters", "portNumber=22", "--target"]
if words == FOUND:
    print(INSTANCES[role] if not Path("{away}").exists() else "None")
    sys.exit()
if words[:-1] != SESSION or words[-1] not in INSTANCES.values():
    sys.exit("TargetNotConnected: " + " ".join(words))
with open("{sessions}", "a") as kept:
    kept.write(words[-1] + "\\n")
there = socket.create_connection(("{address}", {port}))


def carry(read, write):
    with suppress(OSError):  # an end that went away has nothing to say
        while piece := read(65536):
            write(piece)
    there.close()


def told(piece):
    sys.stdout.buffer.write(piece)
    sys.stdout.flush()


threading.Thread(target=carry, args=(there.recv, told), daemon=True).start()
carry(lambda size: sys.stdin.buffer.raw.read(size), there.sendall)
'''


@dataclass
class Instance:
    """A host behind Session Manager."""

    host: PrivateHost
    away: Path
    """While this file is there, no instance runs."""
    workspace: Workspace

    def way(self, report: str, runner: str | None = None) -> SshAccess:
        """As a site's outputs tell it whose hosts, and runner if there is one, reported this."""
        config = ssh_config(STACK, REGION, with_runner=runner is not None)
        known = [known_hosts(STACK, report), known_hosts(runner_alias(STACK), runner or "")]
        return SshAccess(
            alias=STACK,
            config=config.replace("User site", f"User {pwd.getpwuid(os.geteuid()).pw_name}"),
            known_hosts="\n".join(known),
            identity=SecretStr((self.host.folder / "etc" / "identity").read_text()),
            runner=runner_alias(STACK) if runner is not None else None,
        )

    def access(self, report: str) -> Path:
        """Write the ssh_config of a site whose hosts reported this; return its path."""
        return write_access(self.workspace, STACK, self.way(report))

    def sessions(self) -> list[str]:
        """To which instances sessions were opened, in order."""
        return self.away.with_name("sessions").read_text().splitlines()

    @property
    def key(self) -> str:
        return " ".join((self.host.folder / "etc" / "host_key.pub").read_text().split()[:2])


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    base = tmp_path_factory.mktemp("instance")
    with private_host("host", base) as host, pytest.MonkeyPatch.context() as patch:
        command, away = base / "bin" / "aws", base / "away"
        command.parent.mkdir()
        command.write_text(
            AWS.format(
                python=sys.executable,
                region=REGION,
                stack=STACK,
                instances={"host": INSTANCE, "runner": RUNNER},
                away=away,
                sessions=base / "sessions",
                address=host.address,
                port=host.ssh_port,
            )
        )
        command.chmod(0o755)
        patch.setenv("PATH", f"{command.parent}:{os.environ['PATH']}")
        (base / "workspace").mkdir()
        yield Instance(host, away, Workspace(base / "workspace"))


def test_fabric_and_openssh_reach_the_host(instance: Instance) -> None:
    """Both go through Session Manager to whichever instance runs, with the key that it reported."""
    config = instance.access(f"none\n{instance.key}")
    with closing(connect(config, STACK)) as connection:
        assert run(connection, "echo here").text == "here"
        much = run(connection, "head -c 3000000 /dev/zero").stdout
        assert len(much) == 3_000_000
    typed = subprocess.run(
        ["ssh", "-F", str(config), STACK, "echo here too"], capture_output=True, text=True, check=True
    )
    assert typed.stdout == "here too\n"


def test_the_database_is_reached_through_the_host(instance: Instance) -> None:
    """A tunnel through the host carries sessions to a database that only the host can reach."""
    with closing(connect(instance.access(instance.key), STACK)) as connection:
        end = instance.host.endpoint()
        with Tunnel(connection, end.host, end.port) as tunnel:
            where = f"host=127.0.0.1 port={tunnel.port} dbname=postgres user=postgres sslmode=require"
            with psycopg.connect(where, password=end.password.get_secret_value()) as session:
                assert session.execute("SELECT 1").fetchone() == (1,)
        with Database("site", end, connection).opened() as pinned:
            assert pinned.execute("SELECT count(*) FROM generate_series(1, 100000)").fetchone() == (100000,)


@pytest.mark.parametrize("with_runner", [True, False])
def test_the_work_of_a_move_is_done_where_it_is_carried(
    instance: Instance, tmp_path: Path, with_runner: bool
) -> None:
    """A move works by the runner while one stands, and by the host without; the door is always the host's."""
    instance.away.with_name("sessions").unlink(missing_ok=True)
    described = Manifest.model_validate(local_manifest("alpha"))
    with TinySite(tmp_path) as tiny, Hosts(instance.workspace, described) as hosts:
        way = instance.way(instance.key, instance.key if with_runner else None)
        hosts._sites[STACK] = tiny.outputs.model_copy(update={"ssh": way})
        assert run(hosts.target(), "echo host").text == "host"
        assert run(site_database(hosts).through, "echo work").text == "work"
        assert instance.sessions() == ([INSTANCE, RUNNER] if with_runner else [INSTANCE])


def test_a_dropped_connection_is_opened_anew(instance: Instance) -> None:
    """When the way breaks, the next command goes a new one, to the same pinned key."""
    with closing(connect(instance.access(instance.key), STACK)) as connection:
        connection.proxy.close()
        connection.transport.join(10)
        assert run(connection, "echo again").text == "again"


@pytest.mark.parametrize(
    "report",
    [NOTHING_REPORTED, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDs47Z7IyETPTI+sT7Nmp1tgDJNrSK8llOaODLe3f0vn"],
)
def test_a_key_that_was_not_reported_is_refused(instance: Instance, report: str) -> None:
    """Before the host has reported, or with another key than it reported, nobody connects."""
    config = instance.access(report)
    with pytest.raises(ConnectionFailed, match=r"known_hosts|not match"):
        connect(config, STACK)
    typed = subprocess.run(["ssh", "-F", str(config), STACK, "true"], capture_output=True, check=False)
    assert typed.returncode == 255


def test_without_a_running_instance_the_reason_is_told(instance: Instance) -> None:
    """What the command line of AWS said is in the error, not only that there was no answer."""
    config = instance.access(instance.key)
    instance.away.touch()
    try:
        with pytest.raises(ConnectionFailed, match=r"TargetNotConnected: .* --target None"):
            connect(config, STACK)
    finally:
        instance.away.unlink()


def test_the_door_is_flipped_on_the_host_and_seen_from_outside(instance: Instance, tmp_path: Path) -> None:
    """What `fab door` does works unchanged: through Session Manager, seen at the load balancer."""
    root = instance.host.folder / "laid"
    root.mkdir()
    host = laid_down(root)
    script = host.home / "bin" / "door"
    script.write_text(script.read_text().replace('["aws", ', f'["{root / "bin" / "aws"}", '))
    (instance.host.folder / "bin").symlink_to(host.home / "bin")
    with (
        TinySite(tmp_path) as tiny,
        balancer_before(host, tmp_path) as (url, ca),
        closing(connect(instance.access(instance.key), STACK)) as connection,
    ):
        site = tiny.outputs.model_copy(update={"substrate": "aws", "url": url, "ca": ca})
        assert door.read(connection, site) == "open"
        flips: list[tuple[DoorState, str]] = [
            ("closed", ""),
            ("open", ""),
            ("suspended", "Unpaid <since> May"),
        ]
        for state, reason in flips:
            door.flip(connection, site, state, reason)
            assert (door.read(connection, site), door.seen_open(site)) == (state, state == "open")
        assert "Unpaid &lt;since&gt; May" in ask(site).body
