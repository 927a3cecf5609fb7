"""
As root: install packages without starting, stopping or restarting any service.

Promise: ``/usr/sbin/policy-rc.d`` denies all service actions for the duration and is afterwards exactly
what it was (the same file, not a copy), also when apt fails or this process is killed: a guardian
process puts it back. PostgreSQL's packages make no cluster of their own. Units of ours that
the machine did not have before end disabled; services that ran before go on running.

Usage: install_packages.py PACKAGE...
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

DENY = """\
#!/bin/sh
# Placed by Bascule's set-up while it installs packages; the file that stood here comes back after it.
exit 101
"""
NO_CLUSTER = """\
# Placed by Bascule's set-up while it installs PostgreSQL, removed after it.
create_main_cluster = false
"""
UNITS = (
    "mariadb.service",
    "nginx.service",
    "postgresql.service",
    "rsync.service",
    "ssh.service",
    "ssh.socket",
)
"""What Debian enables with our packages."""
LISTS_OLD_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Machine:
    """Where things stand; another `root` for tests."""

    root: Path = Path("/")

    @property
    def policy(self) -> Path:
        """Asked by invoke-rc.d before every service action."""
        return self.root / "usr/sbin/policy-rc.d"

    @property
    def kept_policy(self) -> Path:
        """The owner's own, by another name, for the duration."""
        return self.root / "usr/sbin/policy-rc.d.kept-by-bascule"

    @property
    def units_before(self) -> Path:
        """Names of our units that the machine had when the installation began."""
        return self.root / "var/lib/bascule-set-up.units"

    @property
    def no_cluster(self) -> Path:
        """Read by pg_createcluster and PostgreSQL's maintainer scripts."""
        return self.root / "etc/postgresql-common/createcluster.d/bascule-set-up.conf"

    def hold_back(self) -> None:
        """Put the denying policy in place, keeping the owner's, and note which units there are."""
        self.restore()
        self.units_before.write_text("\n".join(sorted(self.units_present())))
        if os.path.lexists(self.policy):
            os.link(self.policy, self.kept_policy, follow_symlinks=False)
        fresh = self.policy.with_name(".policy-rc.d.bascule")
        fresh.write_text(DENY)
        fresh.chmod(0o755)
        fresh.rename(self.policy)
        self.no_cluster.parent.mkdir(parents=True, exist_ok=True)
        self.no_cluster.write_text(NO_CLUSTER)

    def restore(self) -> None:
        """Undo `hold_back`, whoever did it, and disable the units that have come since."""
        if self.units_before.exists():
            self.disable(sorted(self.units_present() - set(self.units_before.read_text().split())))
        if os.path.lexists(self.kept_policy):
            self.kept_policy.rename(self.policy)
            self.kept_policy.unlink(missing_ok=True)  # rename leaves both names of one and the same file
        elif not self.policy.is_symlink() and self.policy.is_file() and self.policy.read_text() == DENY:
            self.policy.unlink()
        self.policy.with_name(".policy-rc.d.bascule").unlink(missing_ok=True)
        self.no_cluster.unlink(missing_ok=True)
        self.units_before.unlink(missing_ok=True)

    def units_present(self) -> set[str]:
        """
        Those of our units that somebody has enabled here once, or has made.

        A unit file alone says nothing: it may be of a package that a killed run has only unpacked.
        """
        enabled = self.root / "var/lib/systemd/deb-systemd-helper-enabled"
        own = self.root / "etc/systemd/system"
        return {u for u in UNITS if (enabled / f"{u}.dsh-also").exists() or os.path.lexists(own / u)}

    def disable(self, units: Sequence[str]) -> None:
        """Disable `units`, and stop them where systemd is at work."""
        systemctl = "/usr/bin/systemctl"
        if not units or not os.access(systemctl, os.X_OK):
            return
        if self.root == Path("/") and Path("/run/systemd/system").is_dir():
            words = ["disable", "--quiet", "--now"]
        else:
            words = [f"--root={self.root}", "disable", "--quiet"]
        subprocess.run([systemctl, *words, *units], check=True)


@contextmanager
def services_held_back(machine: Machine) -> Iterator[int]:
    """
    Deny service actions; give what a child must inherit (``pass_fds``) for the denial to outlive us.

    The guardian waits for the end of a pipe: it comes when this process and every child that holds
    the pipe are gone, however they went.
    """
    ended, held = os.pipe()
    guardian = os.fork()
    if guardian == 0:
        os.close(held)
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        os.read(ended, 1)
        machine.restore()
        os._exit(0)
    os.close(ended)
    try:
        machine.hold_back()
        yield held
    finally:
        os.write(held, b".")  # apt may have left something behind that holds the pipe
        os.close(held)
        os.waitpid(guardian, 0)
    machine.restore()  # the guardian may have been killed


@contextmanager
def signals_wait() -> Iterator[list[int]]:
    """Let an interrupt wait until dpkg is done; what came is in the list."""
    came: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def note(number: int, _frame: object) -> None:
        came.append(number)

    before = {number: signal.signal(number, note) for number in numbers}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def apt(*words: str, held: int | None = None, tell: bool = True) -> int:
    """Run ``apt-get`` without questions; what it said is shown only if it fails."""
    command = ["/usr/bin/apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=300", *words]
    return quietly(command, held, tell=tell)


def quietly(command: Sequence[str], held: int | None, *, tell: bool = True) -> int:
    """Run one of dpkg's programs; one that holds the services back is out of an interrupt's reach."""
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1", "LC_ALL": "C.UTF-8"}
    with tempfile.TemporaryFile("w+") as said:
        done = subprocess.run(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            pass_fds=() if held is None else (held,),
            start_new_session=held is not None,
            check=False,
        )
        if done.returncode != 0 and tell:
            said.seek(0)
            print("".join(said.readlines()[-15:]), end="", file=sys.stderr)
    return done.returncode


def install(machine: Machine, names: Sequence[str]) -> int:
    """Install `names` and return apt's exit status."""
    machine.restore()  # of a set-up that did not even leave a guardian, as when the power went
    if subprocess.run(["/usr/bin/dpkg", "--audit"], capture_output=True, check=False).stdout:
        with signals_wait(), services_held_back(machine) as held:
            # A killed run left something half done: apt refuses all else until dpkg has looked at it.
            # What it cannot finish, apt unpacks again below.
            quietly(["/usr/bin/dpkg", "--configure", "-a"], held, tell=False)
    lists = Path("/var/lib/apt/lists")
    if not any(lists.glob("*Packages*")) or time.time() - lists.stat().st_mtime > LISTS_OLD_SECONDS:
        apt("update")
    selection = ["install", "--fix-broken", "--no-install-recommends", *names]
    fetch = ("--download-only", *selection)
    if apt(*fetch, tell=False) != 0 and (apt("update") or apt(*fetch)):
        return 1
    with signals_wait() as came, services_held_back(machine) as held:
        status = apt(*selection, held=held)
    return status or (128 + came[0] if came else 0)


if __name__ == "__main__":
    sys.exit(install(Machine(), sys.argv[1:]))
