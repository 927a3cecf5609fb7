"""
A demo's legacy machines: standing them up, reaching their database, copying files to them.

Promise: each may be repeated; a password stays in memory and stands in no argument.
"""

import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from migrate.connections import write_access
from provisioning.engine import Stack
from provisioning.errors import SiteError
from provisioning.local import ports
from provisioning.site import SshAccess
from provisioning.workspace import Workspace


def stand_up(workspace: Workspace, legacy: Workspace, names: Iterable[str]) -> list[dict[str, Any]]:
    """Stand machines up, two at a time, have the workspace know the way to each, and return their outputs."""

    def one(name: str) -> dict[str, Any]:
        stack = Stack(legacy, name)
        stack.ensure()
        stack.up()
        return stack.raw_outputs()

    wanted = list(names)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(one, wanted))
    for name, outputs in zip(wanted, found, strict=True):
        write_access(workspace, name, SshAccess.model_validate(outputs["ssh"]))
    return found


def connect(
    outputs: dict[str, Any], ca: Path, *, dbname: str, role: str = "migration", options: str = ""
) -> "psycopg.Connection[tuple[Any, ...]]":
    """Open a session on a machine's server, as the role that its outputs name."""
    conninfo = make_conninfo(
        host=outputs["address"],
        port=ports.POSTGRESQL,
        dbname=dbname,
        user=outputs[role]["name"],
        password=outputs[role]["password"],
        sslmode="verify-full",
        sslrootcert=str(ca),
    )
    return psycopg.connect(conninfo, autocommit=True, options=options)


def send(workspace: Workspace, machine: str, tree: Path, place: str = "") -> None:
    """
    Copy what lies in `tree` to a machine, to a folder below its login folder.

    Raises:
        SiteError: It did not arrive.
    """
    config = workspace.ssh_config(machine)
    command = ["rsync", "-rlpt", "-e", f"ssh -F '{config}'", f"{tree}/", f"{machine}:{place}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if done.returncode != 0:
        raise SiteError(f"rsync ended with {done.returncode}: {done.stderr.strip()}")
