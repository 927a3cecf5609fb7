"""
A billing system: a real HTTPS server that reads events by the official libraries, and takes each id once.

Promise: own port on 127.0.0.1, its own authority; an event or a signature that is not sound gets a 400.
"""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cloudevents.core.bindings.http import HTTPMessage, from_structured
from cloudevents.core.formats.json import JSONFormat
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.support.tiny_site import self_signed

SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


@dataclass
class BillingSystem:
    """`answers` are taken first to last: a status, or 0 to break off; then 204."""

    url: str
    ca: str
    answers: list[int] = field(default_factory=list)
    posts: list[str] = field(default_factory=list)
    """The id of every post, as it came."""
    events: dict[str, Any] = field(default_factory=dict)
    """By id, each once."""
    refused: list[str] = field(default_factory=list)

    def types(self) -> list[str]:
        return [event.get_type() for event in self.events.values()]

    def take(self, headers: dict[str, str], body: bytes) -> int:
        self.posts.append(headers.get("webhook-id", ""))
        try:
            Webhook(SECRET).verify(body, headers)
            event = from_structured(HTTPMessage(headers, body), JSONFormat())
        except (WebhookVerificationError, ValueError) as error:
            self.refused.append(str(error))
            return 400
        if event.get_id() != headers["webhook-id"]:
            return 400
        answer = self.answers.pop(0) if self.answers else 204
        if answer in (0, 204):  # taken, although the answer to it may be lost
            self.events.setdefault(event.get_id(), event)
        return answer


@contextmanager
def billing_system(folder: Path) -> Iterator[BillingSystem]:
    """Run a billing system until the end of the block."""
    certificate, key = self_signed()
    pem = folder / "billing.pem"
    pem.write_bytes(certificate + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = system.take({k.lower(): v for k, v in self.headers.items()}, body)
            if answer == 0:
                self.connection.close()
                return
            self.send_response(answer)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return  # a test's output is its own

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign] # of connections that it broke off itself
    system = BillingSystem(f"https://127.0.0.1:{server.server_address[1]}/events", certificate.decode())
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield system
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
