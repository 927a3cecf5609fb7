"""
A host's folder, worked on as the account that the host runs as.

Promise: whatever is written below the folder is written by that account, even when root asks: a
link planted by something on the host leads root nowhere. A file is replaced whole or not at all.
"""

import hashlib
import os
import signal
import stat
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from provisioning.errors import SiteError
from provisioning.local.operator import operator

T = TypeVar("T")

_locks: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)

_WRITE = """
umask 077 && mkdir -p "$(dirname "$1")" && cat > "$1.new.$$" &&
chmod "$2" "$1.new.$$" && mv -fT "$1.new.$$" "$1"
"""


@dataclass(frozen=True)
class File:
    """What a file of a host holds."""

    content: str
    mode: int = 0o600

    @property
    def digest(self) -> str:
        """Mode and content in one word, such as ``0600:9f86d081884c7d65``."""
        return _digest(self.mode, self.content.encode())


Files = Mapping[str, File]
"""By path, relative to the host's folder."""


def _digest(mode: int, content: bytes) -> str:
    return f"{mode:04o}:{hashlib.sha256(content).hexdigest()[:16]}"


@dataclass(frozen=True)
class Place:
    """The folder of one host. Paths given to its methods are relative to it."""

    folder: Path

    def path(self, name: str) -> Path:
        return self.folder / name

    @property
    def exists(self) -> bool:
        return self.folder.is_dir()

    @property
    def lock(self) -> threading.RLock:
        """Held while the host's supervisor is changed: the engine works on many resources at once."""
        return _locks[str(self.folder)]

    def environment(self) -> dict[str, str]:
        """What processes of this host find in their environment, and nothing of the caller's."""
        return {
            "BASCULE_HOST": str(self.folder),
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "LOGNAME": operator().name,
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "USER": operator().name,
        }

    def run(
        self,
        *command: str | Path,
        give: bytes = b"",
        check: bool = True,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[bytes]:
        """
        Run a command as the host's account, in the host's folder, with `give` on stdin.

        Raises:
            SiteError: It ended with a failure and `check` is set; its last lines are in the text.
        """
        here = self.folder if self.exists else Path("/")
        done = subprocess.run(  # noqa: S603 - our own words
            [*operator().switch, *map(str, command)],
            input=give,
            cwd=here,
            env={**self.environment(), **(environment or {})},
            capture_output=True,
            umask=0o077,
            check=False,
        )
        if check and done.returncode != 0:
            tail = "\n".join((done.stderr or done.stdout).decode(errors="replace").strip().splitlines()[-8:])
            raise SiteError(
                f"{self.folder.name}: {Path(command[0]).name} ended with {done.returncode}:\n{tail}"
            )
        return done

    def make_folder(self, name: str = ".") -> None:
        self.run("mkdir", "-p", self.path(name))

    def write(self, files: Files) -> bool:
        """Write the files that are not yet as given; return whether any was not."""
        seen = self.observe(files)
        odd = [name for name, file in files.items() if seen.get(name) != file.digest]
        for name in odd:
            file = files[name]
            self.run("sh", "-c", _WRITE, "sh", self.path(name), f"{file.mode:o}", give=file.content.encode())
        return bool(odd)

    def observe(self, names: Iterable[str]) -> dict[str, str]:
        """Return the digest of each file that exists, as `File.digest` gives it."""
        seen = {}
        for name in names:
            try:
                handle = os.open(self.path(name), os.O_RDONLY | os.O_NOFOLLOW)
            except OSError:
                continue
            with os.fdopen(handle, "rb") as file:
                seen[name] = _digest(stat.S_IMODE(os.fstat(handle).st_mode), file.read())
        return seen

    def remove(self, *names: str) -> None:
        """Remove files or folders, where they exist."""
        if self.exists and names:
            self.run("rm", "-rf", "--", *(self.path(name) for name in names))

    def remove_all(self) -> None:
        """Remove the folder, and the workspace's folder of hosts when that was the last."""
        if self.exists:
            self.run("rm", "-rf", "--", self.folder)
        self.run("rmdir", "--ignore-fail-on-non-empty", self.folder.parent, check=False)

    # -- processes ---------------------------------------------------------------------------

    def strays(self) -> set[int]:
        """
        Return the ids of this host's processes and of all that they started.

        A process is the host's when its environment carries the host's mark; when it has no terminal
        and works in the host's folder (nginx overwrites its environment); or when it stands in one of
        the host's pid files and its command line names the folder (sshd does both, and leaves the folder).
        """
        parents: dict[int, int] = {}
        found = set()
        listed = {_number(file) for file in self.path("run").glob("*.pid")}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                try:
                    fields = (entry / "stat").read_text().rpartition(") ")[2].split()
                    parents[int(entry.name)] = int(fields[1])
                    if fields[0] != "Z" and self._owns(entry, fields[4] != "0", int(entry.name) in listed):
                        found.add(int(entry.name))
                except (OSError, IndexError):
                    continue  # ended meanwhile, or not ours to look at
        while more := {child for child, parent in parents.items() if parent in found} - found:
            found |= more
        return found

    def _owns(self, process: Path, terminal: bool, listed: bool) -> bool:
        folder = str(self.folder).encode()
        if listed and folder in (process / "cmdline").read_bytes():
            return True
        if not terminal and (process / "cwd").readlink().is_relative_to(self.folder):
            return True
        return b"BASCULE_HOST=" + folder in (process / "environ").read_bytes().split(b"\0")

    def end_processes(self, patience_seconds: float = 10) -> None:
        """End every process of this host: first by SIGINT (a fast shutdown for PostgreSQL and nginx)."""

        def send(what: signal.Signals) -> bool:
            found = self.strays()
            for process in found:
                try:
                    os.kill(process, what)
                except ProcessLookupError:
                    continue
            return not found

        if send(signal.SIGINT):
            return
        send(signal.SIGTERM)
        if not eventually(lambda: not self.strays(), patience_seconds):
            eventually(lambda: send(signal.SIGKILL), 5)


def _number(file: Path) -> int:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return 0


def eventually(ask: Callable[[], T], patience_seconds: float, every_seconds: float = 0.05) -> T:
    """Ask until the answer is true or patience ends; return the last answer."""
    until = time.monotonic() + patience_seconds
    while not (answer := ask()) and time.monotonic() < until:
        time.sleep(every_seconds)
    return answer
