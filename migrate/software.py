"""
Software to fetch from a customer's servers, and what its IT has to open beforehand:
``stacks/<tenant>.software.yaml``.

    openings:
      - {name: database, host: server, port: 5432}
      - {name: programs, host: server, readable: programs/websak}
    software:
      - {name: websak, host: server, path: programs/websak}

Promise: legacy is only read. What was fetched is what lies there: each file's digest is the one that the
server gave; fetched again, only what differs is carried.
"""

import hashlib
import socket
import subprocess
from pathlib import Path
from shlex import quote
from typing import Self

from pydantic import AwareDatetime, Field, model_validator

from migrate import remote
from migrate.case import Case
from migrate.connections import Hosts
from migrate.errors import ConnectionFailed, MigrationError
from provisioning.manifest import Name, RelativePath
from provisioning.model import Model
from provisioning.model_file import load_model

CONNECT_SECONDS = 5


class SoftwareError(MigrationError):
    """Software could not be fetched, or is not what lies on the server."""


class Opening(Model):
    """What the customer's IT opens: a port that is reached from here, or a folder that may be read."""

    name: Name
    host: Name = Field(description="Name under legacy.hosts.")
    port: int | None = Field(default=None, ge=1, le=65535)
    readable: RelativePath | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if (self.port is None) == (self.readable is None):
            raise ValueError("names either a port or what is readable")
        return self


class Software(Model):
    """A folder of programs on a legacy host."""

    name: Name
    host: Name = Field(description="Name under legacy.hosts.")
    path: RelativePath = Field(description="Relative to the login folder.")


class Wanted(Model):
    """``stacks/<tenant>.software.yaml``."""

    openings: tuple[Opening, ...] = ()
    software: tuple[Software, ...] = Field(min_length=1)


class Checked(Model):
    """Whether one opening is there."""

    name: str
    is_open: bool
    says: str


class Fetched(Model):
    """One folder of programs, as it lies in the case. `digest` is over every file's path and content."""

    name: str
    host: str
    files: dict[str, str]
    """SHA-256 by path."""
    bytes: int
    digest: str


class Openings(Model):
    """Evidence ``openings``."""

    checked_at: AwareDatetime
    openings: tuple[Checked, ...]


class AllFetched(Model):
    """Evidence ``software``."""

    fetched_at: AwareDatetime
    software: tuple[Fetched, ...]


def load_wanted(case: Case) -> Wanted:
    """
    Raises:
        ManifestError: The file is missing or has faults, or names a host that the manifest does not.
    """
    path = case.workspace.stacks / f"{case.manifest.tenant}.software.yaml"
    wanted = load_model(path, Wanted, next_step=f"write stacks/{path.name}")
    known = {host.name for host in case.manifest.legacy.hosts}
    named = {one.host for one in wanted.openings} | {one.host for one in wanted.software}
    if strange := sorted(named - known):
        raise SoftwareError(
            f"stacks/{path.name} names {', '.join(strange)}, which is not under legacy.hosts",
            next_step="correct the file",
        )
    return wanted


def look(hosts: Hosts, opening: Opening) -> Checked:
    """Try whether an opening is there."""
    try:
        if opening.port is not None:
            address = hosts.legacy_address(opening.host)
            with socket.create_connection((address, opening.port), timeout=CONNECT_SECONDS):
                return Checked(name=opening.name, is_open=True, says=f"port {opening.port} answers")
        where = quote(str(opening.readable))
        # Every file below, not the folder alone: one that is barred would be missed at the end.
        script = (
            f"test -d {where} || {{ echo 'no such folder'; exit; }}; find {where} ! -readable | head -n 3"
        )
        barred = remote.run(hosts.legacy(opening.host), script, doing="looking what may be read").text
        said = barred.replace("\n", ", ") or f"{opening.readable} may be read"
        return Checked(name=opening.name, is_open=not barred, says=said)
    except (OSError, ConnectionFailed) as error:
        return Checked(name=opening.name, is_open=False, says=str(error).splitlines()[0])


def listed(hosts: Hosts, software: Software) -> dict[str, str]:
    """Return what lies in a folder of programs: SHA-256 by path."""
    script = (
        f"cd {quote(software.path)} && find . -type f -printf '%P\\0'"
        " | LC_ALL=C sort -z | xargs -0 -r sha256sum -z"
    )
    said = remote.run(
        hosts.legacy(software.host), script, timeout_seconds=1800, raising=SoftwareError, doing="listing"
    )
    found = {}
    for line in filter(None, said.stdout.split(b"\0")):
        digest, _, name = line.decode(errors="surrogateescape").partition("  ")
        found[name] = digest
    return found


def fetch(case: Case, hosts: Hosts, software: Software) -> Fetched:
    """
    Fetch a folder of programs into the case.

    Raises:
        SoftwareError: It is empty, could not be carried, or is not what the server has.
    """
    there = listed(hosts, software)
    if not there:
        raise SoftwareError(f"{software.name}: {software.host}:{software.path} holds no file")
    folder = case.folder / "software" / software.name
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    config, alias = hosts.legacy_ssh_config(software.host)
    command = [
        "rsync",
        "-rtl",
        "--checksum",
        "--delete",
        "--protect-args",
        "-e",
        f"ssh -F {quote(str(config))}",
    ]
    done = subprocess.run(  # noqa: S603 - our own words, and paths that the manifest's model holds to a rule
        [*command, f"{alias}:{software.path}/", f"{folder}/"], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise SoftwareError(
            f"{software.name}: rsync ended with {done.returncode}: {done.stderr.strip()[:300]}",
            state="Legacy was only read.",
            next_step=f"fab run --tenant {case.manifest.tenant}, which carries what is missing",
        )
    here = _digests(folder)
    if here != there:
        apart = sorted(name for name in here.keys() | there.keys() if here.get(name) != there.get(name))
        raise SoftwareError(
            f"{software.name} changed while it was fetched: {', '.join(apart[:5])}",
            next_step=f"fab run --tenant {case.manifest.tenant}",
        )
    whole = hashlib.sha256(
        "\n".join(f"{here[name]}  {name}" for name in sorted(here)).encode("utf-8", "surrogateescape")
    )
    return Fetched(
        name=software.name,
        host=software.host,
        files=here,
        bytes=sum((folder / name).stat().st_size for name in here),
        digest=whole.hexdigest(),
    )


def _digests(folder: Path) -> dict[str, str]:
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                found[str(path.relative_to(folder))] = hashlib.file_digest(file, "sha256").hexdigest()
    return found
