"""
`fab drift`, run as its own process in a workspace, and what it found.

Promise: it runs as an operator's does; nothing of it is replaced.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provisioning.workspace import Workspace

CHECKOUT = Path(__file__).resolve().parents[2]


def fab(workspace: Workspace, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [str(Path(sys.executable).with_name("fab")), "-r", str(CHECKOUT), *words]
    return subprocess.run(command, cwd=workspace.root, text=True, capture_output=True, check=False)


@dataclass(frozen=True)
class Found:
    """What `fab drift --json` said."""

    status: int
    said: dict[str, Any]

    def of(self, stack: str) -> dict[str, Any]:
        return next(one for one in self.said["stacks"] if one["stack"] == stack)

    def verdicts(self, stack: str) -> set[tuple[str, str, str, str]]:
        """Check, verdict, resource and property of each finding."""
        findings = self.of(stack)["findings"]
        return {(one["check"], one["verdict"], one["resource"], one["path"]) for one in findings}

    def says(self, stack: str) -> str:
        return "\n".join(one["says"] for one in self.of(stack)["findings"])


def drift(workspace: Workspace, *words: str) -> Found:
    """Run it with ``--json``."""
    done = fab(workspace, "drift", "--json", *words)
    assert done.stdout, done.stderr
    return Found(done.returncode, json.loads(done.stdout))
