"""
The partner system, such as a medicine cabinet or a laboratory: hands a message over every so often.

Promise: it never waits for the receiver, so a held connector goes on accepting.
"""

import random
import threading
from datetime import UTC, datetime
from typing import Any

from .config import Config
from .outbox import Outbox

_KINDS = ("Abgabe bestätigt", "Fach nachgefüllt", "Bestand niedrig", "Résultat de laboratoire")


class Partner(threading.Thread):
    """Makes messages up until it is told to stop."""

    def __init__(self, config: Config, stopped: threading.Event) -> None:
        super().__init__(name="partner", daemon=True)
        self._config, self._stopped = config, stopped

    def run(self) -> None:
        outbox = Outbox(self._config.folder)  # SQLite's connections belong to one thread
        while not self._stopped.wait(self._config.interval_seconds):
            outbox.accept(_payload())
        outbox.close()


def _payload() -> dict[str, Any]:
    return {
        "art": random.choice(_KINDS),  # noqa: S311 - demo data
        "bewohner": random.randint(1, 24),  # noqa: S311 - demo data
        "menge": random.randint(1, 400) / 100,  # noqa: S311 - demo data
        "am": datetime.now(UTC).isoformat(timespec="milliseconds"),
    }
