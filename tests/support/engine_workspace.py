"""
A workspace whose resources are a few files, on the double of the engine.

Promise: nothing is written outside the given folder; `TinyWorkspace.start` leaves no process when
its ``with`` ends.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
DOUBLE = REPOSITORY / "tests" / "doubles" / "pulumi" / "bin" / "pulumi"
TINY_PROVIDER = REPOSITORY / "tests" / "doubles" / "pulumi" / "tiny"
PASSPHRASE = "correct horse"

_PROJECT = f"""\
name: tiny
runtime: python
main: program
stackConfigDir: stacks
plugins:
  providers:
    - name: tiny
      path: {TINY_PROVIDER}
"""

_RESOURCES = '''\
"""What the programs of these tests declare."""

import os

import pulumi


class File(pulumi.CustomResource):
    path: pulumi.Output[str]
    content: pulumi.Output[str]
    size: pulumi.Output[int]

    def __init__(self, name, content, path=None, **options):
        path = path or os.path.join(os.environ["TINY_FILES"], name)
        arguments = {"path": path, "content": content, "size": None}
        super().__init__("tiny:index:File", name, arguments, pulumi.ResourceOptions(**options))
'''


@dataclass(frozen=True)
class TinyWorkspace:
    root: Path
    stack: str = "tiny-test"

    @property
    def files(self) -> Path:
        return self.root / "files"

    @property
    def stack_file(self) -> Path:
        return self.root / "stacks" / f"Pulumi.{self.stack}.yaml"

    @property
    def checkpoint(self) -> Path:
        return self.root / ".state" / "pulumi" / ".pulumi" / "stacks" / "tiny" / f"{self.stack}.json"

    def program(self, text: str) -> None:
        """Write what the stack's program says; it begins with ``import pulumi`` and ``File``."""
        main = self.root / "program" / "__main__.py"
        main.write_text(f"import pulumi\nfrom resources import File\n\n{text}\n")

    def resources(self) -> dict[str, dict[str, Any]]:
        """Return the state's resources by their names, the stack's and the provider's left out."""
        latest = json.loads(self.checkpoint.read_text())["checkpoint"]["latest"]
        return {
            entry["urn"].split("::")[3]: entry
            for entry in latest["resources"]
            if not entry["type"].startswith("pulumi:")
        }

    def environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PULUMI")}
        return kept | {
            "PATH": os.pathsep.join([str(Path(sys.prefix) / "bin"), os.environ["PATH"]]),
            "PULUMI_BACKEND_URL": f"file://{self.root / '.state' / 'pulumi'}",
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "TINY_FILES": str(self.files),
        }

    def pulumi(self, *words: str, given: str = "", **env: str) -> "subprocess.CompletedProcess[str]":
        """Run one command to its end; standard error goes where standard output goes."""
        return self.pulumi_with(self.environment() | env, *words, given=given)

    def pulumi_with(
        self, env: dict[str, str], *words: str, given: str = ""
    ) -> "subprocess.CompletedProcess[str]":
        """Run one command in exactly this environment."""
        return subprocess.run(
            [str(DOUBLE), *words, "--non-interactive"],
            cwd=self.root,
            env=env,
            input=given,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )

    def up(self, *words: str) -> str:
        """Run an update without its preview; return what was said of it. It goes well."""
        done = self.pulumi("up", "--skip-preview", *words)
        assert done.returncode == 0, done.stdout
        return done.stdout

    @contextmanager
    def start(self, *words: str) -> Iterator["subprocess.Popen[str]"]:
        """Run one command beside the test; end what is left of it."""
        process = subprocess.Popen(
            [str(DOUBLE), *words, "--non-interactive"],
            cwd=self.root,
            env=self.environment(),
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.communicate()


def tiny_workspace(root: Path, *, with_stack: bool = True) -> TinyWorkspace:
    """Lay a workspace down in `root` and make its stack."""
    for folder in ("program", "stacks", "files", ".state/pulumi"):
        (root / folder).mkdir(parents=True)
    (root / "Pulumi.yaml").write_text(_PROJECT)
    (root / "program" / "resources.py").write_text(_RESOURCES)
    made = TinyWorkspace(root)
    made.program("")
    if with_stack:
        assert made.pulumi("stack", "select", "--create", "--stack", made.stack).returncode == 0
    return made
