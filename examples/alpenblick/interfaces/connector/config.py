"""
A connector's folder: ``connector.json`` says who it is; beside it lie outbox, lock and key.

Promise: nothing in ``connector.json`` is secret; what is secret has mode 0600.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


class ConnectorError(Exception):
    """Something that the operator must know, as one sentence without a secret."""


@dataclass(frozen=True)
class Config:
    """Who this connector is."""

    folder: Path
    name: str
    kind: Literal["https", "sftp"]
    interval_seconds: float
    """How often the partner system hands a message over."""

    @classmethod
    def read(cls, folder: Path) -> "Config":
        """
        Read ``connector.json``.

        Raises:
            ConnectorError: It is missing or incomplete.
        """
        try:
            content = json.loads((folder / "connector.json").read_text())
            if content["kind"] not in ("https", "sftp"):
                raise ConnectorError(f"connector.json: kind is {content['kind']!r}, not https or sftp")
            return cls(folder, content["name"], content["kind"], float(content["interval_seconds"]))
        except (OSError, ValueError, KeyError) as error:
            raise ConnectorError(f"{folder / 'connector.json'} cannot be used: {error!r}") from error

    @property
    def identity(self) -> Path:
        """The private key of an SFTP connector."""
        return self.folder / "identity"

    @contextmanager
    def line(self, wait_seconds: float) -> Iterator[None]:
        """
        Hold the line to the receiver: whoever has it may send, or change where to.

        The kernel gives it back when its holder dies, so a killed connector holds up nobody.

        Raises:
            ConnectorError: It was not free within `wait_seconds`.
        """
        handle = os.open(self.folder / "line.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            deadline = time.monotonic() + wait_seconds
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise ConnectorError(
                            f"a message has been in flight for over {wait_seconds:.0f} s; try again"
                        ) from None
                    time.sleep(0.01)
            yield
        finally:
            os.close(handle)
