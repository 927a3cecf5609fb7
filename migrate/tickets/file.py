"""
A ticket in a JSON file, which a portal shows.

Promise: written whole or not at all; its history is in order and only grows.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from migrate.case import write_whole
from migrate.tickets import Message, TicketError


@dataclass(frozen=True)
class KeptInFile:
    """``{"state", "history": [{"at", "state"} | {"at", "key", "message"}]}``; made when it is first moved."""

    path: Path

    def state(self) -> str:
        return str(self._read()["state"])

    def move(self, state: str) -> bool:
        kept = self._read()
        if kept["state"] == state:
            return False
        self._write({"state": state, "history": [*kept["history"], {"at": _now(), "state": state}]})
        return True

    def say(self, message: Message) -> bool:
        kept = self._read()
        if any(one.get("key") == message.key for one in kept["history"]):
            return False
        said = {"at": _now(), "key": message.key, "message": message.text}
        self._write({**kept, "history": [*kept["history"], said]})
        return True

    def _read(self) -> dict[str, Any]:
        if not self.path.exists():
            return {"state": "", "history": []}
        try:
            kept: dict[str, Any] = json.loads(self.path.read_text())
            kept["state"], kept["history"]
        except (ValueError, TypeError, KeyError):
            raise TicketError(f"{self.path} is no ticket", next_step="put it back from a copy") from None
        return kept

    def _write(self, kept: dict[str, Any]) -> None:
        write_whole(self.path, (json.dumps(kept, ensure_ascii=False, indent=1) + "\n").encode())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
