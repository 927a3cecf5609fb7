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
from pathlib import Path
from typing import NoReturn, Protocol

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
