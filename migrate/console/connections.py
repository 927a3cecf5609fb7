"""
A site's connection log, and the sessions that it tells of.

The log lies at `SiteOutputs.connections` on the site's host. The application writes it, one JSON object a
line: ``{"at", "event", "session", "user", "from"}``, with event ``opened`` or ``closed``.

Promise: reads only, and no more than the last `LINES`; a line that cannot be read is counted and not
guessed at.
"""

from collections.abc import Iterable
from datetime import datetime
from shlex import quote
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from migrate import remote
from migrate.connections import Hosts
from migrate.errors import MigrationError
from provisioning.manifest import Environment

LINES = 5000


class _Line(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    at: AwareDatetime
    event: Literal["opened", "closed"]
    session: str = Field(max_length=100)
    user: str = Field(max_length=100)
    from_: str = Field(default="", alias="from", max_length=200)


class UserSession(BaseModel):
    """One session of a user. `closed_at` is None while it is open."""

    model_config = ConfigDict(frozen=True)

    session: str
    user: str
    station: str
    opened_at: datetime
    closed_at: datetime | None = None


class Connections(BaseModel):
    """What a log tells: sessions, those that are open first, then the newest."""

    model_config = ConfigDict(frozen=True)

    sessions: tuple[UserSession, ...]
    unreadable: int
    """Lines that are no entry of a connection log."""

    @property
    def open(self) -> int:
        return sum(one.closed_at is None for one in self.sessions)


def told_by(lines: Iterable[str]) -> Connections:
    """Return what the lines of a log tell."""
    found: dict[str, UserSession] = {}
    unreadable = 0
    for text in lines:
        if not text.strip():
            continue
        try:
            line = _Line.model_validate_json(text)
        except ValidationError:
            unreadable += 1
            continue
        known = found.get(line.session)
        if line.event == "opened":
            found[line.session] = UserSession(
                session=line.session, user=line.user, station=line.from_, opened_at=line.at
            )
        elif known is not None:  # one that was opened before the lines that were read is over, and old
            found[line.session] = known.model_copy(update={"closed_at": line.at})
    newest = sorted(found.values(), key=lambda one: one.opened_at, reverse=True)
    return Connections(
        sessions=tuple(sorted(newest, key=lambda one: one.closed_at is not None)), unreadable=unreadable
    )


def read(hosts: Hosts, environment: Environment = "prod") -> Connections:
    """
    Read a site's connection log.

    Raises:
        MigrationError: The site has none, or it cannot be read.
    """
    site = hosts.site(environment)
    if not site.connections:
        raise MigrationError(
            f"{site.tenant}-{environment} keeps no connection log",
            next_step=f"pulumi up -s {site.tenant}-{environment}, with an application that writes one",
        )
    # Before anybody connected for the first time there is no file.
    path = quote(site.connections)
    script = f"[ ! -e {path} ] || tail -n {LINES} {path}"
    done = remote.run(hosts.target(environment), script, doing="reading the connection log")
    return told_by(done.stdout.decode(errors="replace").splitlines())
