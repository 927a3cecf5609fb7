"""
Delivery by HTTPS: one POST a message, over a connection that is kept open.

Promise: the certificate is checked against the destination's own authority and no other; the token
is sent to that server only.
"""

import http.client
import json
import ssl
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from .config import Config
from .delivery import NotDelivered
from .outbox import Message

TIMEOUT_SECONDS = 8.0


class HttpsDelivery:
    """To one URL, ``https://…/interfaces/<name>/messages``."""

    at_once = 1

    def __init__(self, config: Config, destination: Mapping[str, Any]) -> None:
        url = urlsplit(destination["url"])
        if url.scheme != "https" or not url.hostname:
            raise NotDelivered("the destination's url is not an https one")
        self._path = url.path
        self._headers = {
            "Authorization": f"Bearer {destination['token']}",
            "Content-Type": "application/json",
            "User-Agent": f"connector {config.name}",
        }
        self._connection = http.client.HTTPSConnection(
            url.hostname,
            url.port or 443,
            timeout=TIMEOUT_SECONDS,
            context=ssl.create_default_context(cadata=destination["ca"]),
        )

    def send(
        self, messages: Sequence[Message], acknowledge: Callable[[int], None], give_up: Callable[[], bool]
    ) -> None:
        for message in messages:
            status, said = self._ask("POST", self._path, message.body)
            if status not in (200, 201):
                raise NotDelivered(f"number {message.sequence}: {status} {said[:200].strip()}")
            acknowledge(message.sequence)

    def probe(self, verification: dict[str, Any]) -> str:
        body = json.dumps({"probe": True, "id": str(uuid.uuid4()), "payload": {}}).encode()
        path = str(verification["path_prefix"]).rstrip("/") + self._path
        status, said = self._ask("POST", path, body, {"X-Verification-Token": str(verification["token"])})
        if status != http.client.ACCEPTED:
            raise NotDelivered(f"{status} {said[:200]}")
        return f"{status} {http.client.responses[status]}"

    def received(self) -> dict[str, int]:
        status, said = self._ask("GET", self._path.removesuffix("/messages") + "/state")
        if status != http.client.OK:
            raise NotDelivered(f"{status} {said[:200]}")
        answer = json.loads(said)
        return {"received": int(answer["received"]), "last_sequence": int(answer["last_sequence"])}

    def close(self) -> None:
        self._connection.close()

    def _ask(
        self, method: str, path: str, body: bytes | None = None, more: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """Ask once; a kept connection that the server closed meanwhile is opened anew, once."""
        for again in (True, False):
            kept = self._connection.sock is not None
            try:
                self._connection.request(method, path, body, {**self._headers, **(more or {})})
                answer = self._connection.getresponse()
                return answer.status, answer.read().decode(errors="replace")
            except (http.client.HTTPException, OSError) as error:
                self._connection.close()
                if not (kept and again):
                    raise NotDelivered(f"{type(error).__name__}: {error}") from error
        raise AssertionError("the loop returns or raises")
