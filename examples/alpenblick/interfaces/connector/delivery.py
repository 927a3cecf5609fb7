"""
What a way to deliver must be able to do; `https` and `sftp` are the two there are.

Promise: `send` acknowledges a message only after the receiver has it, and in order; anything else
raises `NotDelivered`, and the same messages may then be sent again without harm.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from .config import Config
from .outbox import Message


class NotDelivered(Exception):  # noqa: N818 - what happened, in plain words
    """The receiver did not acknowledge; says why in one line, without a secret."""


class Delivery(Protocol):
    """A way to one destination. Not shared between threads."""

    at_once: int
    """How many messages are worth sending together."""

    def send(
        self, messages: Sequence[Message], acknowledge: Callable[[int], None], give_up: Callable[[], bool]
    ) -> None:
        """
        Deliver messages in order, calling `acknowledge` with each number up to which all have arrived.

        `give_up` tells whether to stop waiting for a slow receiver.
        """

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
