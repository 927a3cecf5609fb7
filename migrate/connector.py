"""
One interface's connector on its legacy host, driven by its control command (docs/interfaces.md).

Promise: secrets travel on stdin only; an answer that breaks the protocol is an error, never a guess;
every verb may be repeated.
"""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from shlex import quote
from typing import Any, Literal, TypeVar

import paramiko
from fabric import Connection
from invoke.exceptions import CommandTimedOut
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from migrate.errors import InterfaceError
from provisioning.manifest import Interface
from provisioning.site import SftpAccess, SiteOutputs

VERB_TIMEOUT_SECONDS = 45
"""The protocol allows a verb 30 seconds; the rest is the network's."""

A = TypeVar("A", bound=BaseModel)


class _Answer(BaseModel):
    # A customer's connector may say more than is asked; what it says more is not kept.
    model_config = ConfigDict(extra="ignore", frozen=True)


class Where(_Answer):
    """Where a connector delivers, as `status` shows it: without its token."""

    kind: Literal["https", "sftp"]
    url: str | None = None
    host: str | None = None
    port: int | None = None


class Status(_Answer):
    """What a connector says of itself. Numbers of messages, since it was installed."""

    name: str
    kind: Literal["https", "sftp"]
    mode: Literal["transmitting", "held"]
    destination: Where
    accepted: int = Field(ge=0)
    delivered: int = Field(ge=0)
    waiting: int = Field(ge=0)
    last_sequence: int = Field(ge=0)

    @model_validator(mode="after")
    def _adds_up(self) -> "Status":
        if self.delivered + self.waiting != self.accepted:
            raise ValueError("delivered and waiting do not add up to accepted")
        if self.last_sequence != self.accepted:
            raise ValueError("last_sequence is not accepted, so a number was left out or given twice")
        return self


class Received(_Answer):
    """What a receiving side has stored of one interface."""

    received: int = Field(ge=0)
    last_sequence: int = Field(ge=0)


class ProbeAnswer(_Answer):
    ok: bool
    detail: str = ""


class _AtOnce(io.StringIO):
    """
    A text that is read whole, whatever the reader asks for.

    Invoke reads a stdin that is no terminal one character every 10 ms: half a minute for a certificate.
    """

    def read(self, size: int | None = -1) -> str:
        return super().read()


def destination_at(site: SiteOutputs, interface: Interface) -> dict[str, Any]:
    """Return where `interface` delivers to on `site`, token included: for a connector's stdin only."""
    if interface.kind == "https":
        return {
            "kind": "https",
            "url": f"{site.url.rstrip('/')}/interfaces/{interface.name}/messages",
            "token": site.interface_token.get_secret_value(),
            "ca": site.ca,
        }
    return {"kind": "sftp", **_sftp_of(site).model_dump(), "inbox": site.interface_inbox}


def _sftp_of(site: SiteOutputs) -> SftpAccess:
    """Where interfaces deliver by sftp: the site's own entrance for them, else its host's SSH server."""
    if site.sftp is not None:
        return site.sftp
    host = paramiko.SSHConfig.from_text(site.ssh.config).lookup(site.ssh.alias)
    return SftpAccess(
        host=host["hostname"],
        port=int(host.get("port", 22)),
        user=host["user"],
        known_hosts=site.ssh.known_hosts,
    )


@dataclass(frozen=True)
class Connector:
    """The control command of one interface, over the connection to the host that it runs on."""

    connection: Connection
    interface: Interface

    @property
    def name(self) -> str:
        return self.interface.name

    def status(self) -> Status:
        """Return its mode and counts; changes nothing."""
        status = self._say(Status, "status")
        if (status.name, status.kind) != (self.name, self.interface.kind):
            raise self._broken(f"calls itself {status.name} ({status.kind}); correct the manifest's control")
        return status

    def hold(self) -> Status:
        """Stop transmitting; what comes in is kept. Nothing is in flight once this returns."""
        return self._in_mode("held", self._say(Status, "hold"))

    def release(self) -> Status:
        """Transmit again; returns at once."""
        return self._in_mode("transmitting", self._say(Status, "release"))

    def repoint(self, site: SiteOutputs) -> Status:
        """Send to `site` from now on; only while held."""
        status = self._say(Status, "repoint", destination_at(site, self.interface))
        if not self.delivers_to(site, status):
            raise self._broken("was repointed, yet its status shows another destination")
        return status

    def repoint_back(self) -> Status:
        """Send to where it sent before; only while held. Does nothing when it never was repointed."""
        return self._say(Status, "repoint --back")

    def probe(self, site: SiteOutputs) -> str:
        """
        Send a test message to where it delivers now, through the closed door; return what came of it.

        Raises:
            InterfaceError: It did not arrive.
        """
        verification = {
            "path_prefix": site.verification_path,
            "token": site.verification_token.get_secret_value(),
        }
        answer = self._say(ProbeAnswer, "probe", verification)
        if not answer.ok:
            raise self._broken(f"a probe did not arrive: {answer.detail}")
        return answer.detail

    def received(self) -> Received | None:
        """Return what the present destination has stored, or None when it cannot be asked."""
        try:
            return self._say(Received, "received")
        except InterfaceError:
            return None

    def delivers_to(self, site: SiteOutputs, status: Status) -> bool:
        """Tell whether a status shows `site` as the destination."""
        wanted = destination_at(site, self.interface)
        shown = status.destination
        return all(
            getattr(shown, part) == wanted[part] for part in ("kind", "url", "host", "port") if part in wanted
        )

    def _say(self, kind: type[A], verb: str, stdin: Mapping[str, Any] | None = None) -> A:
        # Below the login folder, never looked up in PATH.
        command = f"{quote(f'./{self.interface.control}')} {verb}"
        try:
            done = self.connection.run(
                command,
                hide=True,
                warn=True,
                in_stream=_AtOnce(json.dumps(stdin)) if stdin is not None else False,
                timeout=VERB_TIMEOUT_SECONDS,
            )
        except CommandTimedOut:
            raise self._broken(f"`{command}` did not end within {VERB_TIMEOUT_SECONDS} s") from None
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise self._broken(f"`{command}` broke off: {error}") from error
        if done.exited != 0:
            said = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
            raise self._broken(f"`{command}` ended with {done.exited}: {said[0][:300]}")
        try:
            return kind.model_validate_json(done.stdout)
        except ValidationError as error:
            # Not pydantic's own text: it quotes the answer, which is another's and may hold anything.
            faults = "; ".join(
                f"{'.'.join(map(str, fault['loc'])) or 'answer'}: {fault['msg']}" for fault in error.errors()
            )
            raise self._broken(f"`{command}` broke the protocol: {faults}") from None

    def _in_mode(self, mode: str, status: Status) -> Status:
        if status.mode != mode:
            raise self._broken(f"says that it is {status.mode}, although it was told otherwise")
        return status

    def _broken(self, what: str) -> InterfaceError:
        return InterfaceError(
            f"interface {self.name} on {self.interface.host}: {what}",
            next_step=f"on {self.interface.host}: {self.interface.control} status",
        )
