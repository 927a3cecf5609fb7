"""
The Pulumi engine: run for one stack of a workspace, as a process of its own.

Promise: the CLI that set-up found or built is used (``<venv>/pulumi-engine/pulumi``), with the state
and passphrase of the workspace unless the caller's environment names others; secrets never stand
in arguments.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provisioning.errors import EngineError, WorkspaceError
from provisioning.site import SiteOutputs
from provisioning.workspace import Workspace

ENGINE_FOLDER = Path(sys.prefix) / "pulumi-engine"
"""Written by set-up: a link to the folder of the engine and its language host."""


def environment(workspace: Workspace) -> dict[str, str]:
    """Return the process environment in which ``pulumi`` finds its state, passphrase and Python."""
    workspace.prepare()
    env = dict(os.environ)
    env.setdefault("PULUMI_BACKEND_URL", f"file://{workspace.state / 'pulumi'}")
    if "PULUMI_CONFIG_PASSPHRASE" not in env:
        env.setdefault("PULUMI_CONFIG_PASSPHRASE_FILE", str(workspace.passphrase_file))
    env["PATH"] = os.pathsep.join([str(ENGINE_FOLDER), str(Path(sys.prefix) / "bin"), env.get("PATH", "")])
    env["PULUMI_SKIP_UPDATE_CHECK"] = "true"
    env["BASCULE_WORKSPACE"] = str(workspace.root)
    return env


def executable() -> Path:
    """
    Return the engine's path: what ``BASCULE_PULUMI`` names, else what set-up found or built.

    Raises:
        EngineError: Set-up has not run.
    """
    named = os.environ.get("BASCULE_PULUMI")
    path = Path(named) if named else ENGINE_FOLDER / "pulumi"
    if not path.exists():
        raise EngineError(f"no Pulumi engine at {path}", next_step="make setup")
    return path


@dataclass(frozen=True)
class Stack:
    """One stack, ``<tenant>-<environment>``, as the CLI sees it."""

    workspace: Workspace
    name: str

    def run(
        self, *words: str, check: bool = True, capture: bool = True, apart: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """
        Run ``pulumi <words> --stack <name> --non-interactive``.

        Args:
            apart: Keep standard error out of `stdout`: the engine warns there, also beside JSON.

        Raises:
            EngineError: It ended with a failure and `check` is set; its last lines are in the text.
        """
        command = [str(executable()), *words, "--stack", self.name, "--non-interactive", "--color", "never"]
        done = subprocess.run(  # noqa: S603 - our own engine, words from our own code
            command,
            cwd=self.workspace.root,
            env=environment(self.workspace),
            text=True,
            stdout=subprocess.PIPE if capture else None,
            stderr=(subprocess.PIPE if apart else subprocess.STDOUT) if capture else None,
            check=False,
        )
        if check and done.returncode != 0:
            tail = "\n".join(((done.stdout or "") + (done.stderr or "")).strip().splitlines()[-25:])
            raise EngineError(
                f"pulumi {words[0]} of {self.name} ended with {done.returncode}:\n{tail}",
                state="What was already changed is in the stack's state; a repeat goes on from there.",
                next_step=f"pulumi {words[0]} -s {self.name}, after mending the cause above",
            )
        return done

    def ensure(self) -> None:
        """Select the stack, making it where it does not exist yet."""
        self.run("stack", "select", "--create")

    def set_config(self, key: str, value: str) -> None:
        """Write one plain configuration value into ``stacks/Pulumi.<stack>.yaml``."""
        self.run("config", "set", key, value)

    def up(self) -> str:
        """Bring the site to what the program says, repairing drift; return what the CLI said."""
        self.break_dead_lock()
        # The preview that `up` begins with would be read by nobody, and takes as long again.
        return self.run("up", "--yes", "--skip-preview", "--refresh").stdout

    def break_dead_lock(self) -> bool:
        """
        Take away the lock of an update that was killed on this machine; return whether there was one.

        Only a file:// backend is looked at: there the lock names a process that can be seen to be
        gone. Another machine's lock, or a living process's, is never broken.

        Raises:
            EngineError: Another update of this stack is at work; says which process, since when.
        """
        backend = environment(self.workspace)["PULUMI_BACKEND_URL"]
        if not backend.startswith("file://"):
            return False
        locks = Path(backend.removeprefix("file://")).expanduser() / ".pulumi" / "locks"
        for path in locks.glob(f"**/{self.name}/*.json"):
            lock = json.loads(path.read_text())
            if lock["hostname"] == socket.gethostname() and not _is_pulumi(int(lock["pid"])):
                self.run("cancel", "--yes")
                return True
            raise EngineError(
                f"{self.name} is being updated by process {lock['pid']} of {lock['username']}"
                f" on {lock['hostname']}, since {lock['timestamp']}",
                state="Nothing was touched.",
                next_step=f"wait for it; if it is gone for certain: pulumi cancel -s {self.name}",
            )
        return False

    def destroy(self) -> str:
        self.break_dead_lock()
        return self.run("destroy", "--yes", "--skip-preview").stdout

    def matches_its_program(self) -> tuple[bool, str]:
        """Tell whether real servers, state and program agree, and what the CLI said about it."""
        done = self.run("preview", "--refresh", "--diff", "--expect-no-changes", check=False)
        return done.returncode == 0, done.stdout

    def raw_outputs(self) -> dict[str, Any]:
        """Return all stack outputs with secrets in clear; never print or store the result."""
        done = self.run("stack", "output", "--json", "--show-secrets", apart=True)
        outputs: dict[str, Any] = json.loads(done.stdout)
        return outputs

    def outputs(self) -> SiteOutputs:
        """
        Return the site contract of this stack; its secrets are `SecretStr`.

        Raises:
            EngineError: The stack does not exist or has not been stood up.
        """
        raw = self.raw_outputs()
        if not raw:
            raise EngineError(
                f"{self.name} has no outputs: it is not stood up", next_step=f"pulumi up -s {self.name}"
            )
        return SiteOutputs.model_validate(raw)


def _is_pulumi(pid: int) -> bool:
    """Tell whether a process of that number lives and is the engine: numbers are used again."""
    try:
        return b"pulumi" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def main(argv: Sequence[str] | None = None) -> None:
    """The ``pulumi`` on this project's PATH: the engine with the workspace's state and passphrase."""
    words = list(sys.argv[1:] if argv is None else argv)
    start = None
    for position, word in enumerate(words):
        if word in ("-C", "--cwd") and position + 1 < len(words):
            start = Path(words[position + 1])
        elif word.startswith("--cwd="):
            start = Path(word.removeprefix("--cwd="))
    try:
        try:
            env = environment(Workspace.find(start or Path.cwd()))
        except WorkspaceError:
            env = dict(os.environ)  # such as `pulumi version` outside any workspace
        engine = str(executable())
    except EngineError as error:
        sys.exit(str(error))
    os.execve(engine, [engine, *words], env)  # noqa: S606 - replaced by the engine itself
