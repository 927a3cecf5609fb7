"""
The connector itself: takes messages in and delivers them in order.

Promise: killed at any moment, it loses nothing, doubles nothing and keeps the order: a message is
repeated until it is acknowledged, and its receiver knows each number.
"""

import argparse
import logging
import signal
import sys
import threading
from pathlib import Path

from .config import Config, ConnectorError
from .delivery import Delivery, NotDelivered, delivery_to
from .outbox import Outbox
from .partner import Partner

IDLE_SECONDS = 0.02
RETRY_SECONDS = 0.5
STALE_LINE_SECONDS = 60.0

_log = logging.getLogger("connector")


class Sender:
    """Delivers what waits, one message at a time, as long as the mode says so."""

    def __init__(self, config: Config, outbox: Outbox, stopped: threading.Event) -> None:
        self._config, self._outbox, self._stopped = config, outbox, stopped
        self._delivery: Delivery | None = None
        self._destination: dict[str, object] = {}
        self._complaint = ""

    def run(self) -> None:
        """Deliver until told to stop."""
        pause = IDLE_SECONDS
        while not self._stopped.wait(pause):
            try:
                pause = 0 if self.step() else IDLE_SECONDS
                self._complaint = ""
            except (NotDelivered, ConnectorError) as error:
                self._complain(str(error))
                self._drop_connection()
                pause = RETRY_SECONDS
        self._drop_connection()

    def step(self) -> bool:
        """Deliver what waits, or the first of it; return whether anything waited."""
        # Cheap looks first: the line is for those who will use it.
        if self._outbox.is_held() or not self._outbox.waiting(1):
            return False
        with self._config.line(STALE_LINE_SECONDS):
            # Only what is read while having the line counts: a hold has it, too.
            if self._outbox.is_held():
                return False
            delivery = self._connected()
            messages = self._outbox.waiting(delivery.at_once)
            if messages:
                delivery.send(messages, self._outbox.acknowledge_up_to, self._is_unwanted)
        return bool(messages)

    def _connected(self) -> Delivery:
        destination = self._outbox.destination
        if self._delivery is None or destination != self._destination:
            self._drop_connection()
            self._delivery, self._destination = delivery_to(self._config, destination), destination
        return self._delivery

    def _is_unwanted(self) -> bool:
        return self._stopped.is_set()

    def _drop_connection(self) -> None:
        if self._delivery is not None:
            self._delivery.close()
            self._delivery = None

    def _complain(self, text: str) -> None:
        """Say each trouble once, not at every attempt."""
        if text != self._complaint:
            _log.warning("%s: %s; repeating until it is taken", self._config.name, text)
            self._complaint = text


def main() -> None:
    """Run the connector whose folder is named."""
    parser = argparse.ArgumentParser(description="A connector of the legacy host.")
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder.resolve()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        config = Config.read(folder)
    except ConnectorError as error:
        sys.exit(str(error))
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    outbox = Outbox(folder)
    partner = Partner(config, stopped)
    partner.start()
    _log.info("%s (%s) runs, %s", config.name, config.kind, outbox.mode)
    try:
        Sender(config, outbox, stopped).run()
    finally:
        outbox.close()
        partner.join(timeout=5)
