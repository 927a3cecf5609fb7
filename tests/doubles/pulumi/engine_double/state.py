"""
The state of stacks in a ``file://`` backend, in the engine's checkpoint format (version 3).

Promise: a checkpoint is replaced as a whole, after every finished step; secrets in it are encrypted;
two updates of one stack never run at the same time, and a killed one leaves its lock, as the engine's does.
"""

import getpass
import json
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine_double import VERSION, DoubleError, NotToldOfError
from engine_double.crypto import Crypter
from engine_double.project import Project
from engine_double.values import SECRET, SIGNATURE, is_secret, rewritten


@dataclass
class Resource:
    """One resource of a checkpoint; names as in the checkpoint."""

    urn: str
    type: str
    custom: bool
    id: str = ""
    inputs: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    parent: str = ""
    protect: bool = False
    external: bool = False
    delete: bool = False
    """Replaced; still to be deleted."""
    dependencies: list[str] = field(default_factory=list)
    propertyDependencies: dict[str, list[str]] = field(default_factory=dict)  # noqa: N815
    provider: str = ""
    initErrors: list[str] = field(default_factory=list)  # noqa: N815
    additionalSecretOutputs: list[str] = field(default_factory=list)  # noqa: N815
    retainOnDelete: bool = False  # noqa: N815
    deletedWith: str = ""  # noqa: N815

    @property
    def name(self) -> str:
        return self.urn.split("::")[3]


@dataclass
class Checkpoint:
    resources: list[Resource] = field(default_factory=list)
    pending: list[dict[str, Any]] = field(default_factory=list)
    """What a killed update was in the middle of: ``{"resource", "type"}``."""

    def root(self) -> Resource | None:
        return next((r for r in self.resources if r.type == "pulumi:pulumi:Stack"), None)


class Backend:
    """All stacks of one project in the folder that ``PULUMI_BACKEND_URL`` names."""

    def __init__(self, project: Project) -> None:
        url = os.environ.get("PULUMI_BACKEND_URL", "")
        if not url.startswith("file://"):
            raise NotToldOfError(f"PULUMI_BACKEND_URL={url or '(unset)'}; it keeps state in file:// only")
        folder = Path(url.removeprefix("file://")).expanduser()
        if not folder.is_dir():
            raise DoubleError(f"problem opening the state folder {folder}: it does not exist")
        self._project = project
        self._base = folder / ".pulumi"
        self._stacks = self._base / "stacks" / project.name
        self._selected = self._base / f"selected-{project.name}"

    def names(self) -> list[str]:
        return sorted(path.stem for path in self._stacks.glob("*.json"))

    def selected(self) -> str | None:
        return self._selected.read_text() if self._selected.exists() else None

    def select(self, stack: str) -> None:
        self._base.mkdir(parents=True, exist_ok=True)
        self._selected.write_text(stack)

    def exists(self, stack: str) -> bool:
        return self._path(stack).exists()

    def create(self, stack: str) -> None:
        if self.exists(stack):
            raise DoubleError(f"stack '{stack}' already exists")
        crypter = self._project.stack_file(stack).crypter  # writes the salt, as the engine does
        self.save(stack, Checkpoint(), crypter)

    def remove(self, stack: str) -> None:
        self._path(stack).unlink()
        if self.selected() == stack:
            self._selected.unlink()

    def load(self, stack: str, crypter: Crypter) -> Checkpoint:
        def decrypted(part: Any) -> Any:
            if is_secret(part) and "ciphertext" in part:
                return {SIGNATURE: SECRET, "value": json.loads(crypter.decrypt(part["ciphertext"]))}
            return part

        data = json.loads(self._path(stack).read_text())["checkpoint"]["latest"]
        known = {f.name for f in fields(Resource)}
        resources = []
        for entry in data.get("resources", []):
            if other := entry.keys() - known:
                raise NotToldOfError(f"{', '.join(sorted(other))} in a checkpoint")
            resources.append(Resource(**rewritten(entry, decrypted)))
        return Checkpoint(resources, rewritten(data.get("pending_operations", []), decrypted))

    def save(self, stack: str, checkpoint: Checkpoint, crypter: Crypter) -> None:
        def encrypted(part: Any) -> Any:
            if is_secret(part) and "value" in part:
                return {SIGNATURE: SECRET, "ciphertext": crypter.encrypt(json.dumps(part["value"]))}
            return part

        resources = [
            {key: value for key, value in asdict(r).items() if value or key in ("urn", "custom", "type")}
            for r in checkpoint.resources
        ]
        latest = {
            "manifest": {"time": datetime.now(UTC).isoformat(), "magic": "", "version": f"v{VERSION}-double"},
            "secrets_providers": {"type": "passphrase"},
            "resources": rewritten(resources, encrypted),
            "pending_operations": rewritten(checkpoint.pending, encrypted),
        }
        text = json.dumps({"version": 3, "checkpoint": {"stack": stack, "latest": latest}}, indent=4)
        path = self._path(stack)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.part")
        part.touch(mode=0o600)
        part.write_text(text)
        part.replace(path)

    @contextmanager
    def locked(self, stack: str) -> Iterator[None]:
        """Hold the stack's lock. A killed holder's lock stays; `unlock` (pulumi cancel) breaks it."""
        folder = self._locks(stack)
        folder.mkdir(parents=True, exist_ok=True)
        mine = folder / f"{secrets.token_hex(16)}.json"
        me = {
            "pid": os.getpid(),
            "username": getpass.getuser(),
            "hostname": socket.gethostname(),
            "timestamp": datetime.now(UTC).isoformat(),
        }
        self._refuse_other_locks(folder, mine)
        part = mine.with_suffix(".part")
        part.write_text(json.dumps(me))
        part.replace(mine)
        try:
            self._refuse_other_locks(folder, mine)  # two may have seen an empty folder
            yield
        finally:
            mine.unlink(missing_ok=True)

    def unlock(self, stack: str) -> None:
        for path in self._locks(stack).glob("*.json"):
            path.unlink()

    def _refuse_other_locks(self, folder: Path, mine: Path) -> None:
        others = [path for path in folder.glob("*.json") if path != mine]
        if not others:
            return
        lines = []
        for path in others:
            lock = json.loads(path.read_text())
            lines.append(
                f"  file://{path}: created by {lock['username']}@{lock['hostname']}"
                f" (pid {lock['pid']}) at {lock['timestamp']}"
            )
        raise DoubleError(
            f"the stack is currently locked by {len(others)} lock(s). Either wait for the other process(es)"
            " to end or delete the lock file with `pulumi cancel`.\n" + "\n".join(lines)
        )

    def _locks(self, stack: str) -> Path:
        return self._base / "locks" / "organization" / self._project.name / stack

    def _path(self, stack: str) -> Path:
        return self._stacks / f"{stack}.json"
