"""
Delivery by SFTP: one file a message, dropped whole into an inbox by OpenSSH's own ``sftp``.

The receiver takes a file away once it has stored it: that is the acknowledgement.

Promise: the server's key must be the one that the destination names; a file never shows under its
final name before it is whole; dropping the same file again replaces it, and the receiver knows its number.
"""

import json
import os
import pwd
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from .config import Config
from .delivery import NotDelivered
from .outbox import Message

TIMEOUT_SECONDS = 15.0
TAKEN_WITHIN_SECONDS = 10.0
LOOK_SECONDS = 0.1


class SftpDelivery:
    """To one inbox on one server, over a session that is kept open (OpenSSH's ControlMaster)."""

    at_once = 25

    def __init__(self, config: Config, destination: Mapping[str, Any]) -> None:
        self._name = config.name
        self._inbox = str(destination["inbox"]).rstrip("/") or "."
        _sweep()
        # Not in the connector's own folder: a socket's path may have 107 characters only.
        self._folder = Path(tempfile.mkdtemp(prefix=f"connector-{os.getpid()}-"))
        known_hosts = self._folder / "known_hosts"
        known_hosts.write_text(str(destination["known_hosts"]).strip() + "\n")
        # No ssh configuration of the machine or its users has a say here.
        self._options = [
            *("-F", "/dev/null"),
            *("-o", f"IdentityFile={config.identity}"),
            *("-o", f"UserKnownHostsFile={known_hosts}"),
            *("-o", "GlobalKnownHostsFile=/dev/null"),
            *("-o", "StrictHostKeyChecking=yes"),
            *("-o", "IdentitiesOnly=yes"),
            *("-o", "BatchMode=yes"),
            *("-o", "ConnectTimeout=5"),
            *("-o", "ServerAliveInterval=5"),
            *("-o", "ControlMaster=auto"),
            *("-o", f"ControlPath={self._folder / 'session'}"),
            *("-o", "ControlPersist=20"),
            *("-o", f"Port={int(destination['port'])}"),
        ]
        self._target = f"{destination['user']}@{destination['host']}"

    def send(
        self, messages: Sequence[Message], acknowledge: Callable[[int], None], give_up: Callable[[], bool]
    ) -> None:
        numbers = {f"{self._name}-{message.sequence:012}.json": message.sequence for message in messages}
        self._drop({name: message.body for name, message in zip(numbers, messages, strict=True)})
        deadline = time.monotonic() + TAKEN_WITHIN_SECONDS
        while there := self._lying(numbers):
            if there[0] != next(iter(numbers)):
                acknowledge(numbers[there[0]] - 1)  # those before the oldest that lies there were taken
            if give_up() or time.monotonic() > deadline:
                raise NotDelivered(f"{there[0]} lies in the inbox, and nobody takes it")
            time.sleep(LOOK_SECONDS)
        acknowledge(messages[-1].sequence)

    def probe(self, verification: dict[str, Any]) -> str:
        name = f"{self._name}-{uuid.uuid4()}.probe"
        self._drop({name: json.dumps({"probe": True}).encode()})
        deadline = time.monotonic() + TAKEN_WITHIN_SECONDS
        while self._lying([name]):
            if time.monotonic() > deadline:
                self._run(f"-rm {_quoted(f'{self._inbox}/{name}')}")
                raise NotDelivered("the file arrived, and nobody takes it")
            time.sleep(LOOK_SECONDS)
        return "written, renamed and taken up"

    def received(self) -> dict[str, int]:
        local = self._folder / "receipt"
        self._run(f"get {_quoted(f'{self._inbox}/{self._name}.receipt')} {_quoted(str(local))}")
        answer = json.loads(local.read_text())
        return {"received": int(answer["received"]), "last_sequence": int(answer["last_sequence"])}

    def close(self) -> None:
        if (self._folder / "session").exists():
            subprocess.run(  # noqa: S603 - OpenSSH, with our own words
                ["ssh", *self._options, "-O", "exit", self._target],  # noqa: S607 - found on the host's PATH
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                timeout=TIMEOUT_SECONDS,
            )
        shutil.rmtree(self._folder, ignore_errors=True)

    def _drop(self, files: Mapping[str, bytes]) -> None:
        """Write files whole and in order, in one session."""
        commands = []
        for number, (name, content) in enumerate(files.items()):
            local = self._folder / f"message-{number}"
            local.write_bytes(content)
            fresh, final = _quoted(f"{self._inbox}/.{name}"), _quoted(f"{self._inbox}/{name}")
            commands += [f"put {_quoted(str(local))} {fresh}", f"rename {fresh} {final}"]
        self._run(*commands)

    def _lying(self, names: Iterable[str]) -> list[str]:
        """Return which of the names still lie in the inbox, in the order given."""
        shown = self._run(f"ls -1 {_quoted(self._inbox)}").splitlines()
        there = {line.rstrip().rpartition("/")[2] for line in shown}
        return [name for name in names if name in there]

    def _run(self, *commands: str) -> str:
        try:
            done = subprocess.run(  # noqa: S603 - OpenSSH, with our own words
                ["sftp", "-q", "-b", "-", *self._options, self._target],  # noqa: S607 - on the host's PATH
                input="\n".join(commands) + "\n",
                capture_output=True,
                text=True,
                check=False,
                timeout=TIMEOUT_SECONDS,
                env={"PATH": os.environ.get("PATH", "/usr/bin"), "LC_ALL": "C.UTF-8"},
            )
        except subprocess.TimeoutExpired as error:
            raise NotDelivered(f"sftp said nothing for {TIMEOUT_SECONDS:.0f} s") from error
        if done.returncode != 0:
            said = done.stderr.strip().splitlines()[-1:] or [f"sftp ended with {done.returncode}"]
            raise NotDelivered(said[0][:200])
        return done.stdout


def _sweep() -> None:
    """Remove what connectors that were killed have left."""
    for folder in Path(tempfile.gettempdir()).glob("connector-*-*"):
        process = folder.name.split("-")[1]
        with suppress(OSError):
            if process.isdigit() and not Path("/proc", process).exists() and folder.owner() == _me():
                shutil.rmtree(folder, ignore_errors=True)


def _me() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name


def _quoted(path: str) -> str:
    """Quote a path for sftp's batch language."""
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"') + '"'
