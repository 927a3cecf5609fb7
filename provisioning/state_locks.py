"""
Locks of the state backend: who updates a stack, since when, and whether that process is proven dead.

Promise: a lock goes only by `StateLock.breaking`, only one whose process is proven dead, and only that one
lock: never one that a living update made meanwhile. Another machine's process is never proven dead from here.
"""

import os
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pydantic import AwareDatetime, BaseModel, ValidationError

from provisioning.errors import EngineError
from provisioning.pulumi_command import environment
from provisioning.workspace import Workspace

_FOLDER = ".pulumi/locks"


class _Content(BaseModel):
    """As the engine writes it."""

    pid: int
    username: str
    hostname: str
    timestamp: AwareDatetime


@dataclass(frozen=True)
class StateLock:
    """One lock of one stack."""

    stack: str
    pid: int
    user: str
    host: str
    since: datetime
    _where: "Path | _Object" = field(repr=False)

    def __str__(self) -> str:
        since = self.since.isoformat(timespec="seconds")
        return f"process {self.pid} of {self.user} on {self.host}, since {since}"

    def age_seconds(self, now: datetime) -> float:
        return (now - self.since).total_seconds()

    @property
    def death(self) -> str:
        """How its process is known to be dead; empty where that is not proven."""
        if self.host != socket.gethostname():
            return ""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return f"there is no process {self.pid} on this machine"
        except PermissionError:
            pass  # somebody else's, and perhaps hidden below
        try:
            command = Path(f"/proc/{self.pid}/cmdline").read_bytes()
            if _started_at(self.pid) > self.since.timestamp() + 2:  # the boot's time is told in whole seconds
                return f"process {self.pid} of this machine began after the lock was made: it is another"
        except OSError:
            return ""  # it ended just now, or may not be looked at: not proven
        # A zombie has no command line any more, and holds nothing.
        return "" if b"pulumi" in command else f"process {self.pid} of this machine is not the engine"

    def breaking(self) -> str:
        """
        Take this one lock away, and return the proof.

        Raises:
            EngineError: Its process is not proven dead.
        """
        if not (proof := self.death):
            elsewhere = self.host != socket.gethostname()
            raise EngineError(
                f"{self.stack} is locked by {self}",
                state="Nothing was touched: " + ("that is another machine." if elsewhere else "it is alive."),
                next_step=f"fab unlock on {self.host}" if elsewhere else "wait for it",
            )
        if isinstance(self._where, Path):
            self._where.unlink(missing_ok=True)
        else:
            self._where.delete()
        return proof


@dataclass(frozen=True)
class _Object:
    """A lock that lies in S3."""

    client: Any
    bucket: str
    key: str

    def delete(self) -> None:
        self.client.delete_object(Bucket=self.bucket, Key=self.key)


def state_locks(workspace: Workspace, stack: str = "") -> list[StateLock]:
    """
    Return every lock of the workspace's project, or of one stack of it, the oldest first.

    Raises:
        EngineError: The backend keeps locks where this does not look (only files and S3), or gives no answer.
    """
    url = environment(workspace)["PULUMI_BACKEND_URL"]
    project = str(workspace.project["name"])
    found: Iterable[tuple[PurePosixPath, bytes, Path | _Object]]
    if url.startswith("file://"):
        found = _in_files(Path(url.removeprefix("file://")).expanduser())
    elif url.startswith("s3://"):
        found = _in_s3(url)
    else:
        scheme = url.partition(":")[0]
        raise EngineError(f"the locks of a state backend {scheme}: cannot be looked at from here")
    locks = [
        _lock(name, text, where)
        for name, text, where in found
        if _is_of(project, name) and stack in ("", name.parent.name)
    ]
    return sorted(locks, key=lambda lock: lock.since)


def _is_of(project: str, name: PurePosixPath) -> bool:
    """``organization/<project>/<stack>/<id>.json``, or of old ``<stack>/<id>.json``."""
    return len(name.parts) < 3 or name.parts[-3] == project


def _in_files(state: Path) -> Iterator[tuple[PurePosixPath, bytes, Path]]:
    folder = state / _FOLDER
    for path in folder.glob("**/*.json"):
        try:
            yield PurePosixPath(path.relative_to(folder).as_posix()), path.read_bytes(), path
        except FileNotFoundError:
            continue  # its update ended meanwhile


def _in_s3(url: str) -> Iterator[tuple[PurePosixPath, bytes, _Object]]:
    import boto3  # here: it takes long, and few commands ask AWS
    from botocore.exceptions import BotoCoreError, ClientError

    parts = urlsplit(url)
    asked = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    prefix = str(PurePosixPath(parts.path.strip("/")) / _FOLDER).lstrip("/") + "/"
    try:
        client = boto3.client("s3", region_name=asked.get("region"), endpoint_url=asked.get("endpoint"))
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=parts.netloc, Prefix=prefix):
            for one in page.get("Contents", ()):
                key = one["Key"]
                text = client.get_object(Bucket=parts.netloc, Key=key)["Body"].read()
                yield PurePosixPath(key.removeprefix(prefix)), text, _Object(client, parts.netloc, key)
    except (BotoCoreError, ClientError) as error:
        raise EngineError(f"the locks in {parts.netloc} could not be read: {error}") from error


def _lock(name: PurePosixPath, text: bytes, where: "Path | _Object") -> StateLock:
    stack = name.parent.name
    try:
        content = _Content.model_validate_json(text)
    except ValidationError:
        raise EngineError(
            f"a lock of {stack} cannot be read",
            state="Who holds it is not known.",
            next_step=f"look at {name} below {_FOLDER} of the state backend",
        ) from None
    since = content.timestamp.astimezone(UTC)
    return StateLock(stack, content.pid, content.username, content.hostname, since, where)


def _started_at(pid: int) -> float:
    """Seconds since 1970 at which a process began, as the kernel counts it."""
    ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[19])
    booted = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime "))
    return int(booted.split()[1]) + ticks / os.sysconf("SC_CLK_TCK")
