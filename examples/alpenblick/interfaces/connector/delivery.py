"""
What a way to deliver must be able to do; `https` and `sftp` are the two there are.

Promise: `send` returns only after the receiver has the message; anything else raises `NotDelivered`,
and the same message may then be sent again without harm.
"""

from collections.abc import Callable
from typing import Any, Protocol

from .config import Config
from .outbox import Message


class NotDelivered(Exception):  # noqa: N818 - what happened, in plain words
    """The receiver did not acknowledge; says why in one line, without a secret."""


class Delivery(Protocol):
    """A way to one destination. Not shared between threads."""

    def send(self, message: Message, give_up: Callable[[], bool]) -> None:
        """Deliver one message; `give_up` tells whether to stop waiting for a slow acknowledgement."""

    def probe(self, verification: dict[str, Any]) -> str:
        """Send a test message, through the closed door; return what the receiver said."""

    def received(self) -> dict[str, int]:
        """Ask what the receiver has stored."""

    def close(self) -> None: ...


def delivery_to(config: Config, destination: dict[str, Any]) -> Delivery:
    """
    Open the way to a destination.

    Raises:
        NotDelivered: There is no destination yet, or it lacks something.
    """
    from .https import HttpsDelivery
    from .sftp import SftpDelivery

    if destination.get("kind") != config.kind:
        raise NotDelivered("no destination: repoint first")
    try:
        if config.kind == "https":
            return HttpsDelivery(config, destination)
        return SftpDelivery(config, destination)
    except KeyError as error:
        raise NotDelivered(f"the destination lacks {error}") from error
