"""
A workspace: the folder that holds a vendor's tenants (``Pulumi.yaml``, ``stacks/``) and their state.

Promise: every path that Bascule writes to, but for the servers of the local substrate, lies
below `Workspace.state`, which git ignores. Found from the current folder upwards, as git finds
its own, or named by ``BASCULE_WORKSPACE``.
"""

import hashlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from provisioning.errors import WorkspaceError


@dataclass(frozen=True)
class Workspace:
    """Where the tenants of one vendor stand. `root` is absolute."""

    root: Path

    @classmethod
    def find(cls, start: Path | None = None) -> "Workspace":
        """
        Return the workspace that `start` (by default the current folder) lies in.

        Raises:
            WorkspaceError: No folder from `start` upwards holds a ``Pulumi.yaml``.
        """
        named = os.environ.get("BASCULE_WORKSPACE")
        if named and start is None:
            root = Path(named).expanduser().resolve()
            if not (root / "Pulumi.yaml").is_file():
                raise WorkspaceError(
                    f"BASCULE_WORKSPACE is {root}, which holds no Pulumi.yaml",
                    next_step="unset BASCULE_WORKSPACE, or name the folder of your Pulumi.yaml",
                )
            return cls(root)
        here = (start or Path.cwd()).resolve()
        for folder in (here, *here.parents):
            if (folder / "Pulumi.yaml").is_file():
                return cls(folder)
        raise WorkspaceError(
            f"no Pulumi.yaml in {here} or above it, so there is no workspace",
            next_step="cd into the folder that holds your stacks/",
        )

    @property
    def project(self) -> Mapping[str, Any]:
        """What ``Pulumi.yaml`` says: ``name``, ``main``, …"""
        described: Mapping[str, Any] = yaml.safe_load((self.root / "Pulumi.yaml").read_text())
        return described

    @property
    def stacks(self) -> Path:
        """Manifests, stack files and ``allowed_signers``."""
        return self.root / "stacks"

    @property
    def state(self) -> Path:
        """Everything written by Bascule: Pulumi's state, cases, generated SSH configuration."""
        return self.root / ".state"

    def case_folder(self, tenant: str) -> Path:
        """Where all that is known of one tenant's migration lies."""
        return self.state / "cases" / tenant

    def ssh_config(self, stack: str) -> Path:
        """The generated ``ssh_config`` of one stack's host; ``known_hosts`` lies beside it."""
        return self.state / "ssh" / stack / "config"

    @property
    def identity(self) -> str:
        """Six hex digits that tell this workspace's hosts from another's on the same machine."""
        return hashlib.sha256(str(self.root).encode()).hexdigest()[:6]

    @property
    def passphrase_file(self) -> Path:
        """What encrypts the secrets of a self-managed state; mode 0600."""
        return self.state / "passphrase"

    def prepare(self) -> None:
        """Make the state folder and the passphrase file where they are missing."""
        self.state.mkdir(mode=0o700, exist_ok=True)
        (self.state / "pulumi").mkdir(mode=0o700, exist_ok=True)
        try:
            handle = os.open(self.passphrase_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
