"""
Tickets: where a tenant follows its migration, whatever keeps them.

Promise: the port is three questions, `Ticket`; moving to the state that it has, or saying what was said
already, changes nothing, so that a repeated step leaves one message. No message holds a secret.
"""

from dataclasses import dataclass
from typing import Protocol

from migrate.case import Case
from migrate.databases import secret_line, text_of
from migrate.errors import MigrationError
from migrate.product.order import FileTicket, HttpTicket


class TicketError(MigrationError):
    """A ticket could not be read or moved."""


@dataclass(frozen=True)
class Message:
    """One message. `key` tells it from others; the same key is never left twice."""

    key: str
    text: str


class Ticket(Protocol):
    """A ticket, wherever it lies."""

    def state(self) -> str:
        """Its state now."""
        ...

    def move(self, state: str) -> bool:
        """
        Bring it to a state; return whether that changed anything.

        Raises:
            TicketError: It cannot be reached, or does not go there from where it is.
        """
        ...

    def say(self, message: Message) -> bool:
        """Leave a message unless it is there; return whether it was left."""
        ...


def open_ticket(case: Case, where: FileTicket | HttpTicket) -> Ticket:
    """Return the tenant's ticket by the adapter that its upgrade file names."""
    from migrate.tickets.file import KeptInFile
    from migrate.tickets.http import KeptByTracker

    root = case.workspace.root
    if isinstance(where, FileTicket):
        return KeptInFile(root / where.path)
    ca = text_of(root / where.ca_file) if where.ca_file else None
    return KeptByTracker(str(where.url).rstrip("/"), where.issue, secret_line(root / where.token_file), ca)
