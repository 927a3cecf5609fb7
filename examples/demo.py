"""
The demos: one tenant for each playbook, from first contact to the end, on this machine.

    make demo                    python -m examples.demo --playbook besa --scale 1
    make demo PLAYBOOK=clipper

Promise: does by `fab` what people do by `fab`, and shows each command; what the customer and the
vendor's staff would decide is decided here and said. A folder below `examples/` with a module ``demo`` is
one: it says in ``PLAYBOOK`` which playbook it shows, and carries it out with ``run(folder, scale)``.
"""

import argparse
import importlib
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn, Protocol

from migrate import status
from migrate.case import Case, write_whole
from migrate.journal import Record
from provisioning.errors import BasculeError
from provisioning.workspace import Workspace

REPOSITORY = Path(__file__).resolve().parents[1]
WAITING = 3
"""Exit status of `fab` when a person must act."""


class Shown(Protocol):
    """A module that shows one playbook."""

    PLAYBOOK: str

    def run(self, folder: Path, scale: float) -> None: ...


def demos() -> dict[str, str]:
    """Return the module of each demo, by the playbook that it shows."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("*/demo.py")):
        module = f"examples.{path.parent.name}.demo"
        found[importlib.import_module(module).PLAYBOOK] = module
    return found


def main() -> None:
    """Carry a demo tenant through its playbook and print what came of it."""
    known = demos()
    parser = argparse.ArgumentParser(description="One whole migration on this machine.")
    parser.add_argument("--playbook", default="besa", choices=sorted(known))
    parser.add_argument("--scale", type=float, default=float(os.environ.get("SCALE", "1")))
    parser.add_argument("--folder", type=Path)
    words = parser.parse_args()
    # Each has a folder of its own, so that one that is finished stays open beside the next.
    folder = words.folder or REPOSITORY / ("demo" if words.playbook == "besa" else f"demo-{words.playbook}")
    shown: Shown = importlib.import_module(known[words.playbook])
    try:
        shown.run(folder, words.scale)
    except BasculeError as error:
        give_up(str(error))


def fab(workspace: Workspace, *words: str) -> int:
    """Run one fab command in a workspace, shown as a person would type it; return its exit status."""
    root = str(workspace.root)
    shown = [str(Path(word).relative_to(root)) if word.startswith(root) else word for word in words]
    print(f"\n$ fab {shlex.join(shown)}", flush=True)
    command = [str(Path(sys.prefix) / "bin" / "fab"), *words]
    return subprocess.run(command, cwd=root, check=False).returncode  # noqa: S603 - our own commands


def fab_or_stop(workspace: Workspace, *words: str) -> None:
    code = fab(workspace, *words)
    if code != 0:
        give_up(f"fab {words[0]} ended with {code}; its last words above say what to do")


def begin(folder: Path, remove: Callable[[Path], None]) -> None:
    """Take a finished demo away, so that a new one begins; one that was killed goes on."""
    if _finished(folder).exists():
        say("A finished demo stands here; it is taken away, and a new one begins.")
        remove(folder)


def finish(folder: Path) -> None:
    """Remember that this demo came to its end."""
    write_whole(_finished(folder), b"{}\n")


def _finished(folder: Path) -> Path:
    return folder / ".state" / "demo-finished.json"


def carry_on(
    case: Case, act: Callable[[Record | None], None], *, rounds: int, command: str = "run", once: bool = False
) -> None:
    """
    Type a command again and again until nothing is left to do, doing in between what it waits for.

    Args:
        act: Does what people would, given what the journal says is waited for.
        rounds: After so many nothing moves, and the demo gives up.
        once: The command ends what it began by itself; else a run stops between phases, too.
    """
    tenant = case.manifest.tenant
    for _ in range(rounds):
        code = fab(case.workspace, command, "--tenant", tenant)
        if code == WAITING:
            act(case.journal.last("waiting"))
        elif code != 0:
            give_up(f"fab {command} ended with {code}; its last words above say what to do")
        elif once or not status.of(case).next_step:
            return
    give_up(f"still not finished after {rounds} rounds; fab status --tenant {tenant} says why")


def sign(workspace: Workspace, tenant: str, gate: str, who: str, key: Path) -> None:
    words = ["--gate", gate, "--as", who, "--key", str(key)]
    fab_or_stop(workspace, "sign", "--tenant", tenant, *words)


def waive(workspace: Workspace, tenant: str, what: str, reason: str, by: str, key: Path) -> None:
    """Sign a waiver for the next hour."""
    expires = (datetime.now(UTC) + timedelta(hours=1)).isoformat(timespec="seconds")
    words = ["--what", what, "--by", by, "--reason", reason, "--expires", expires, "--key", str(key)]
    fab_or_stop(workspace, "waive", "--tenant", tenant, *words)


def say(line: str) -> None:
    print(f"\n== {line}", flush=True)


def show(figures: dict[str, str]) -> None:
    print()
    for name, value in figures.items():
        print(f"  {name:18} {value}")


def give_up(why: str) -> NoReturn:
    sys.exit(f"demo: {why}")


if __name__ == "__main__":
    main()
