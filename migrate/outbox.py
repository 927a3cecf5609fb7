"""
The outbox: messages to people as files, until a mail server has taken each of them.

    outbox/ready/<id>.eml     written, and not handed over
    outbox/handing/<id>.eml   being handed over; here after a crash, nobody knows whether it was taken
    outbox/sent/<id>.eml      taken by the mail server

Promise: a message that was put is never lost and never sent twice, wherever the process dies. Between the
last byte and the server's answer nobody can know; such a message stays in ``handing`` until a person has
looked.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Literal, Protocol

from migrate.case import Case, write_whole
from migrate.errors import MigrationError, Refused

State = Literal["ready", "handing", "sent"]
STATES: tuple[State, ...] = ("ready", "handing", "sent")
_KINDS = {".pdf": ("application", "pdf"), ".ics": ("text", "calendar"), ".svg": ("image", "svg+xml")}


class OutboxError(MigrationError):
    """The mail server did not take a message, or its answer never came."""


class NotTaken(OutboxError):  # noqa: N818 - reads as what it is
    """The server refused a message, so it is not with it; it may be handed over again."""


class Server(Protocol):
    """What takes messages: one connection."""

    def prepare(self, sender: str, recipients: list[str]) -> None:
        """
        Say from whom and to whom the next message is; nothing is taken yet.

        Raises:
            NotTaken: Somebody is refused.
        """
        ...

    def hand_over(self, content: bytes) -> None:
        """
        Hand the message over; return once the server says that it has it.

        Raises:
            NotTaken: It says that it has not.
            OutboxError: It says nothing.
        """
        ...


@dataclass(frozen=True)
class Outbox:
    """The messages of one tenant."""

    case: Case

    @property
    def folder(self) -> Path:
        return self.case.folder / "outbox"

    def put(
        self, key: str, *, to: list[str], subject: str, text: str, attached: Mapping[str, bytes] | None = None
    ) -> str:
        """
        Write a message and return its id; one of that key is written once, whatever it would say now.

        Args:
            key: What it is about, such as ``notice-2027-03-10``.
            attached: Files by name.
        """
        ident = hashlib.sha256(f"{self.case.manifest.tenant}\n{key}".encode()).hexdigest()[:20]
        with self._locked():
            if self._find(ident) is None:
                write_whole(
                    self._path("ready", ident), self._message(ident, to, subject, text, attached or {})
                )
                self.case.journal.append("message", ident, key=key, to=to, subject=subject)
        return ident

    def of(self, state: State) -> list[str]:
        """Ids of the messages in a state, sorted."""
        return sorted(path.stem for path in (self.folder / state).glob("*.eml"))

    def read(self, ident: str) -> EmailMessage:
        """
        Raises:
            Refused: There is no such message.
        """
        state = self._find(ident)
        if state is None:
            raise Refused(f"no message {ident}", next_step="fab outbox")
        found = message_from_bytes(self._path(state, ident).read_bytes(), policy=policy.SMTP)
        assert isinstance(found, EmailMessage)  # noqa: S101 - the policy makes no other
        return found

    def send(self, server: Server, sender: str) -> list[str]:
        """
        Hand over what is ready, and return what was taken.

        Raises:
            OutboxError: A message was refused, or its answer never came; those before it are sent.
        """
        sent = []
        with self._locked():
            for ident in self.of("ready"):
                content = self._path("ready", ident).read_bytes()
                recipients = str(self.read(ident)["To"]).split(", ")
                server.prepare(sender, recipients)
                self._move(ident, "ready", "handing")
                try:
                    server.hand_over(content)
                except NotTaken:
                    self._move(ident, "handing", "ready")
                    raise
                self._move(ident, "handing", "sent")
                sent.append(ident)
        return sent

    def decide(self, ident: str, *, arrived: bool) -> None:
        """
        Say what a person found out about a message whose answer never came.

        Raises:
            Refused: There is no doubt about it.
        """
        with self._locked():
            if self._find(ident) != "handing":
                raise Refused(f"there is no doubt about message {ident}", next_step="fab outbox")
            self.case.journal.append("message-decided", ident, arrived=arrived)
            self._move(ident, "handing", "sent" if arrived else "ready")

    def _find(self, ident: str) -> State | None:
        return next((state for state in STATES if self._path(state, ident).exists()), None)

    def _path(self, state: State, ident: str) -> Path:
        return self.folder / state / f"{ident}.eml"

    def _move(self, ident: str, start: State, end: State) -> None:
        """Rename it, and see that the disk knows before anything else happens."""
        target = self._path(end, ident)
        target.parent.mkdir(parents=True, exist_ok=True)
        self._path(start, ident).rename(target)
        for folder in (target.parent, self._path(start, ident).parent):
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    def _message(
        self, ident: str, to: list[str], subject: str, text: str, attached: Mapping[str, bytes]
    ) -> bytes:
        manifest = self.case.manifest
        made = EmailMessage(policy=policy.SMTP)
        made["From"], made["To"], made["Subject"] = manifest.support.email, ", ".join(to), subject
        made["Date"] = datetime.now(UTC)
        # The one name of it anywhere: a server that is given it twice, or a person, can tell.
        made["Message-ID"] = f"<{ident}@{manifest.site_name}>"
        made.set_content(text)
        for name, content in attached.items():
            main, sub = _KINDS.get(Path(name).suffix, ("application", "octet-stream"))
            made.add_attachment(content, maintype=main, subtype=sub, filename=name)
        # Last: whatever sets content takes such headers away, or into a part.
        made["Content-Language"] = manifest.language
        return made.as_bytes()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One at a time, also among processes; a process that dies lets go."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
