"""
The Pulumi engine: run for one stack of a workspace, as a process of its own.

Promise: runs the engine exactly as ``pulumi`` typed in the workspace would (`pulumi_command`); secrets
never stand in arguments.
"""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from provisioning.errors import EngineError
from provisioning.pulumi_command import environment, executable
from provisioning.site import SiteOutputs
from provisioning.state_locks import state_locks
from provisioning.workspace import Workspace

POLICY_PACK = Path(__file__).resolve().parent / "policy" / "pack"
"""The rules of `provisioning.policy`, as the engine runs them."""

PLATFORM = "platform"
"""No tenant's name: ``platform-test`` and ``platform-prod`` are what the sites of a class share on AWS."""


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

    @property
    def config_file(self) -> Path:
        """Where its configuration stands."""
        return self.workspace.stacks / f"Pulumi.{self.name}.yaml"

    @property
    def settings(self) -> Mapping[str, Any]:
        """
        What that file says, by key such as ``bascule:region``; the engine takes half a second to say it.

        Nothing where the file is not there or cannot be read, which the engine tells whoever uses the stack.
        """
        try:
            return (yaml.safe_load(self.config_file.read_text()) or {}).get("config") or {}
        except (OSError, yaml.YAMLError):
            return {}

    def ensure(self) -> None:
        """Select the stack, making it where it does not exist yet."""
        self.run("stack", "select", "--create")

    def set_config(self, key: str, value: str) -> None:
        """Write one plain configuration value into ``stacks/Pulumi.<stack>.yaml``, unless it stands there."""
        if self.settings.get(key) != value:
            self.run("config", "set", key, value)

    def up(self) -> str:
        """
        Bring the site to what the program says, repairing drift; return what the CLI said.

        A stack that pins an AWS account is held against the policy pack: what breaks a rule is not made.
        """
        self.break_dead_lock()
        pack = ("--policy-pack", str(POLICY_PACK)) if "bascule:account" in self.settings else ()
        # The preview that `up` begins with would be read by nobody, and takes as long again.
        return self.run("up", "--yes", "--skip-preview", "--refresh", *pack).stdout

    def break_dead_lock(self) -> bool:
        """
        Take away the lock of an update that was killed on this machine; return whether there was one.

        Only a file:// backend is looked at, as `state_locks` does: another one's locks are for `fab unlock`.

        Raises:
            EngineError: Another update of this stack is at work; says which process, since when.
        """
        if not environment(self.workspace)["PULUMI_BACKEND_URL"].startswith("file://"):
            return False
        locks = state_locks(self.workspace, self.name)
        for lock in locks:
            if not lock.death:
                raise EngineError(
                    f"{self.name} is being updated by {lock}",
                    state="Nothing was touched.",
                    next_step=f"wait for it; if it is gone for certain: fab unlock --stack {self.name}",
                )
            lock.breaking()
        return bool(locks)

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
