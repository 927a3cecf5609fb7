"""
What the double tells a person, in the engine's words and symbols.

Promise: no secret is shown; every update and preview says that a double did it.
"""

import json
import sys
import threading
from collections import Counter
from typing import Any

from engine_double.state import Resource
from engine_double.values import Properties, masked

SYMBOLS = {
    "create": "+",
    "update": "~",
    "replace": "+-",
    "delete": "-",
    "refresh": "~",
    "read": ">",
    "same": " ",
}
DONE = {"create": "created", "update": "updated", "replace": "replaced", "delete": "deleted", "read": "read",
        "same": "unchanged"}  # fmt: skip

Change = tuple[str, str, Any, Any]
"""Symbol, property path, old and new value."""


class Display:
    def __init__(self, *, diff: bool) -> None:
        self._diff = diff
        self._lock = threading.Lock()
        self.errors: list[str] = []

    def line(self, text: str = "") -> None:
        with self._lock:
            print(text, flush=True)

    def headline(self, verb: str, stack: str) -> None:
        self.line(f"{verb} ({stack}), by the double of the engine, not the engine:")

    def row(self, op: str, resource: Resource, changes: list[Change] | None = None, note: str = "") -> None:
        """Show one step; with ``--diff``, each changed property with its old and new value."""
        shown = f" [diff: {','.join(symbol + path for symbol, path, *_ in changes)}]" if changes else ""
        lines = [f" {SYMBOLS[op]:2} {resource.type} {resource.name} {op}{shown}{note}"]
        if self._diff and changes:
            lines += [f"        [urn={resource.urn}]"]
            for symbol, path, old, new in changes:
                values = {"+": _text(new), "-": _text(old), "~": f"{_text(old)} => {_text(new)}"}
                lines.append(f"      {symbol} {path}: {values[symbol]}")
        self.line("\n".join(lines))

    def error(self, text: str, urn: str = "") -> None:
        where = f"{urn.split('::')[2].split('$')[-1]} ({urn.split('::')[3]}): " if urn else ""
        with self._lock:
            self.errors.append(f"{where}error: {text}")

    def diagnostics(self) -> None:
        if self.errors:
            self.line("Diagnostics:")
            for error in self.errors:
                self.line("  " + error.replace("\n", "\n    "))
            self.line()

    def outputs(self, outputs: Properties) -> None:
        if outputs:
            self.line("Outputs:")
            for key, value in outputs.items():
                self.line(f"    {key}: {_text(value)}")

    def summary(self, counts: "Counter[str]", *, dry_run: bool) -> None:
        if counts:
            self.line("Resources:")
            for op in DONE:
                if counts[op]:
                    said = DONE[op] if op == "same" or not dry_run else f"to {op}"
                    symbol = f"{SYMBOLS[op]} " if op != "same" else ""
                    self.line(f"    {symbol}{counts[op]} {said}")


def to_stderr(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _text(value: Any) -> str:
    return json.dumps(masked(value), ensure_ascii=False)
