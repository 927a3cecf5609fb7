"""
What of archives has arrived on a site's host: one folder an item, with how far it is.

Promise: only one writer at a time; what is said to have arrived was complete and verified by digest. It lies
in ``.bascule/staged/<tenant>`` below the login folder, for its user only, until `clear` removes it: a
later archive may rest on it.
"""

import getpass
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from shlex import quote
from typing import Literal

import paramiko
from fabric import Connection

from migrate import remote
from migrate.archive.layout import Facts, Kind, Reserved
from migrate.errors import ConnectionFailed, Refused, TransferError
from provisioning.model import Model

FOLDER = ".bascule/staged"

_HOLD = """
umask 077; mkdir -p {folder} && cd {folder} || exit 1
flock -n lock sh -c {inner} || {{ cat holder; echo; }}
"""
_INNER = "echo {who} > holder; echo held; exec cat > /dev/null"


class State(Model):
    """How far one item is."""

    archive: str
    stage: Literal["clearing", "filling", "arrived"]
    base: str = ""
    facts: Facts | None = None
    reserved: Reserved | None = None
    files: int = 0
    bytes: int = 0
    unsettled: tuple[str, ...] = ()
    """Names that changed on legacy while they were read, percent-encoded."""


@dataclass(frozen=True)
class Area:
    """Where one item arrives."""

    connection: Connection
    tenant: str
    kind: Kind
    name: str

    @property
    def folder(self) -> str:
        """Relative to the login folder."""
        return f"{FOLDER}/{self.tenant}/{self.kind}-{self.name}"

    @property
    def tree(self) -> str:
        return f"{self.folder}/tree"

    def state(self) -> State | None:
        """Return how far it is; None when nothing of it has come."""
        script = f"cat {quote(self.folder)}/state.json 2>/dev/null || :"
        said = remote.run(
            self.connection, script, raising=TransferError, doing="looking at what arrived"
        ).text
        return State.model_validate_json(said) if said else None

    def set_state(self, state: State) -> None:
        remote.write_file(self.connection, f"{self.folder}/state.json", state.model_dump_json().encode())

    def arrived(self) -> State:
        """
        Return what is complete here.

        Raises:
            TransferError: Nothing is, or only half of it.
        """
        state = self.state()
        if state is None or state.stage != "arrived":
            how = f"archive {state.archive} is only half loaded" if state else "no archive was loaded"
            raise TransferError(
                f"{self.connection.host}: {self.kind} {self.name}: {how}",
                state="Nothing was changed.",
                next_step=f"fab stage-in --tenant {self.tenant} --from FOLDER, then the same command again",
            )
        return state

    def run(self, script: str, *, stdin: bytes = b"", doing: str) -> bytes:
        """Run a script in this folder, which is there afterwards in any case; return what it said."""
        here = quote(self.folder)
        return remote.run(
            self.connection,
            f"umask 077; mkdir -p {here} && cd {here} || exit 1\n{script}",
            stdin=stdin,
            timeout_seconds=12 * 3600,
            raising=TransferError,
            doing=doing,
        ).stdout


@contextmanager
def held(connection: Connection, tenant: str) -> Iterator[None]:
    """
    Keep others from loading archives of a tenant on this host, as long as this connection lives.

    Raises:
        Refused: Somebody is; says who.
    """
    who = f"{getpass.getuser()} on {socket.gethostname()}"
    inner = quote(_INNER.format(who=quote(who)))
    script = _HOLD.format(folder=quote(f"{FOLDER}/{tenant}"), inner=inner)
    try:
        channel = remote.transport_of(connection).open_session(timeout=60)
        channel.settimeout(60)
        channel.exec_command(f"exec sh -c {quote(script)}")
        try:
            said = channel.makefile("r").readline().strip()
            if said != "held":
                raise Refused(
                    f"archives of {tenant} are being loaded on {connection.host} by {said or 'somebody'}",
                    state="Nothing was changed by this command.",
                    next_step="wait for it; a loader that died lets go by itself",
                )
            yield
        finally:
            channel.close()
    except (EOFError, OSError, paramiko.SSHException) as error:
        raise ConnectionFailed(
            f"{connection.host}: {error or type(error).__name__}",
            next_step="the same command again, once the host answers: it goes on where it stopped",
        ) from error


def clear(connection: Connection, tenant: str) -> None:
    """Remove everything of a tenant's archives from this host."""
    with held(connection, tenant):
        folder = quote(f"{FOLDER}/{tenant}")
        script = f"chmod -R u+rwX {folder} && rm -rf {folder}"
        remote.run(connection, script, timeout_seconds=3600, raising=TransferError, doing="removing archives")
