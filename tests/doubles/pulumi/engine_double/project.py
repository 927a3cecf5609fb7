"""
A Pulumi project on disk: ``Pulumi.yaml`` and the stack files beside it.

Promise: a stack file is edited line by line, so a person's comments and order stay.
"""

import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from engine_double import DoubleError, NotToldOfError, crypto

_KNOWN = {
    "name",
    "description",
    "runtime",
    "main",
    "stackConfigDir",
    "plugins",
    "author",
    "license",
    "website",
}


@dataclass(frozen=True)
class Project:
    root: Path
    name: str
    main: Path
    """Folder of the program; its working folder too."""
    stack_folder: Path
    runtime_options: dict[str, Any]
    providers: dict[str, Path]
    """Folder of each provider plugin, by package name."""

    @classmethod
    def find(cls, start: Path) -> "Project":
        """Read the ``Pulumi.yaml`` that lies in `start` or above it."""
        for folder in (start, *start.parents):
            if (folder / "Pulumi.yaml").is_file():
                return cls._read(folder)
        raise DoubleError(
            "no Pulumi.yaml project file found (searching upwards from"
            f" {start}). If you have not created a project yet, use `pulumi new` to do so"
        )

    @classmethod
    def _read(cls, root: Path) -> "Project":
        data = yaml.safe_load((root / "Pulumi.yaml").read_text())
        if unknown := data.keys() - _KNOWN:
            raise NotToldOfError(f"{', '.join(sorted(unknown))} in Pulumi.yaml")
        runtime = data["runtime"]
        name, options = (
            (runtime, {}) if isinstance(runtime, str) else (runtime["name"], runtime.get("options", {}))
        )
        if name != "python":
            raise NotToldOfError(f"runtime {name}")
        plugins = data.get("plugins", {})
        if other := plugins.keys() - {"providers"}:
            raise NotToldOfError(f"plugins of kind {', '.join(sorted(other))}")
        main = root / data.get("main", ".")
        if not main.is_dir():
            raise NotToldOfError(f"a main that is no folder: {main}")
        return cls(
            root=root,
            name=data["name"],
            main=main,
            stack_folder=root / data.get("stackConfigDir", "."),
            runtime_options=options,
            providers={entry["name"]: root / entry["path"] for entry in plugins.get("providers", [])},
        )

    def stack_file(self, stack: str) -> "StackFile":
        return StackFile(self.stack_folder / f"Pulumi.{stack}.yaml", self.name)


@dataclass
class StackFile:
    """``Pulumi.<stack>.yaml``: configuration and the salt of the stack's secrets."""

    path: Path
    project: str

    def _data(self) -> dict[str, Any]:
        return (yaml.safe_load(self.path.read_text()) if self.path.exists() else None) or {}

    @cached_property
    def crypter(self) -> crypto.Crypter:
        """What encrypts this stack's secrets; a salt is written into the file when it has none."""
        salt = self._data().get("encryptionsalt")
        if salt:
            return crypto.open_salt(salt)
        salt, crypter = crypto.new_salt()
        lines = self._lines()
        self._write([f"encryptionsalt: {salt}", *lines])
        return crypter

    def key(self, key: str) -> str:
        """Return a key with its namespace: the project's, where none was typed."""
        return key if ":" in key else f"{self.project}:{key}"

    def config(self) -> dict[str, tuple[str, bool]]:
        """Return every value as the program gets it, and whether it is secret."""
        values = {}
        for key, value in (self._data().get("config") or {}).items():
            if isinstance(value, dict) and value.keys() == {"secure"}:
                values[self.key(key)] = (self.crypter.decrypt(value["secure"]), True)
            else:
                values[self.key(key)] = (value if isinstance(value, str) else json.dumps(value), False)
        return values

    def set(self, key: str, value: str, *, secret: bool) -> None:
        key = self.key(key)
        text = f"\n    secure: {self.crypter.encrypt(value)}" if secret else f" {_scalar(value)}"
        lines = self._without(key)
        if "config:" not in lines:
            lines.append("config:")
        lines.insert(lines.index("config:") + 1, f"  {key}:{text}")
        self._write(lines)

    def remove(self, key: str) -> None:
        self._write(self._without(self.key(key)))

    def _lines(self) -> list[str]:
        return self.path.read_text().splitlines() if self.path.exists() else []

    def _without(self, key: str) -> list[str]:
        """Return the file's lines without one key of ``config:`` and what lies below it."""
        kept, inside = [], False
        for line in self._lines():
            if inside and re.match(r"\s{3,}|\s*-", line):
                continue
            bare = key.removeprefix(f"{self.project}:")
            inside = bool(re.match(rf"""\s+["']?({re.escape(key)}|{re.escape(bare)})["']?:(\s|$)""", line))
            if not inside:
                kept.append(line)
        if "config: {}" in kept:
            kept[kept.index("config: {}")] = "config:"
        return kept

    def _write(self, lines: list[str]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text("\n".join(lines) + "\n")


def _scalar(value: str) -> str:
    """Return a value as YAML that reads as the same text: quoted where it would not."""
    try:
        read = yaml.safe_load(value)
    except yaml.YAMLError:
        read = None
    same = read == value or (isinstance(read, bool | int) and json.dumps(read) == value)
    return value if same else json.dumps(value, ensure_ascii=False)
