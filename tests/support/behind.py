"""
A legacy host behind a firewall: it opens a tunnel to the site's host, and Bascule knows no other way to it.

Promise: the site's sshd is a real one that admits what a site's host admits; what runs on the legacy side is
the very folder that `fab tunnel` writes, with a key made there.
"""

import fcntl
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from migrate import legacy_tunnel
from migrate.connections import Hosts
from migrate.waiting import wait_until
from provisioning.manifest import LegacyHost, Manifest
from provisioning.tunnel import authorized_keys
from tests.support.moves import Move

OPENS_WITHIN_SECONDS = 20


@dataclass
class Behind:
    """Both sides of the tunnel, and what runs on the legacy one."""

    move: Move
    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> LegacyHost:
        return self.move.manifest.legacy.hosts[0]

    def open(self, hosts: Hosts) -> None:
        """Run what was laid on the legacy side, and wait until it is open."""
        self.process = subprocess.Popen(["sh", self.folder / "open-tunnel"], stdin=subprocess.DEVNULL)
        assert self.is_open(hosts), "it does not open"

    def is_open(self, hosts: Hosts, *, wanted: bool = True) -> bool:
        """Whether it comes to be open, or shut, within the time."""
        return wait_until(
            lambda: legacy_tunnel.is_open(hosts, self.host, "prod") is wanted,
            deadline_seconds=OPENS_WITHIN_SECONDS,
            pace_seconds=0.1,
        )

    def admit(self) -> None:
        """Let the site's host admit the tunnel's key, beside the operator's."""
        own = self.move.site.address
        lines = authorized_keys(
            self.move.manifest, "prod", own=own, database=f"{own}:{self.move.site.pg_port}"
        )
        keys = self.move.site.folder / "etc" / "authorized_keys"
        keys.write_text(keys.read_text() + "\n".join(lines) + "\n")

    def refuse(self) -> None:
        """Let it admit the operator's alone again."""
        keys = self.move.site.folder / "etc" / "authorized_keys"
        keys.write_text(keys.read_text().splitlines()[0] + "\n")

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=20)


@contextmanager
def alone_with_its_ports() -> Iterator[None]:
    """A tunnel's ports on legacy are the same for every tenant, and all hosts of tests are on one machine."""
    with (Path(tempfile.gettempdir()) / "bascule-tunnel-ports").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


@contextmanager
def behind(move: Move) -> Iterator[Behind]:
    """Put a move's legacy host behind a tunnel that is not open yet; nothing is left running at the end."""
    folder = move.base / "laid" / "server"
    folder.mkdir(parents=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "key"], check=True)
    given = move.manifest.model_dump(mode="json")
    given["legacy"]["hosts"][0]["tunnel"] = {"public_key": (folder / "key.pub").read_text().strip()}
    outputs = move.outputs.model_copy(update={"host_address": move.site.address})
    made = Behind(replace(move, manifest=Manifest.model_validate(given), outputs=outputs), folder)
    made.admit()
    try:
        yield made
    finally:
        made.end()
