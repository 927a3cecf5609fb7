"""
A provider of accounts for demos and tests: a SCIM 2.0 server on a loopback address.

    python -m examples.identity ADDRESS PORT TOKEN_FILE

Promise: keeps accounts in memory only; whoever lacks a token, which stands in a file, is refused, and the
holder of the reader's token changes nothing.
"""

import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from scim2_models import ScimProvider
from scim2_server.memory import InMemoryStorage
from scim2_server.service import ScimService
from scim2_server.testserver.application import BearerTokenApplication
from scim2_server.utils import (
    load_default_resource_types,
    load_default_schemas,
    load_default_service_provider_config,
)


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: what was asked is in the journal of who asked."""


class _Readable(BearerTokenApplication):
    """One whose `reader` may look and not change."""

    reader = ""

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        """Answer a request, as WSGI has it."""
        given = environ.get("HTTP_AUTHORIZATION", "")
        if self.reader and given == f"Bearer {self.reader}" and environ["REQUEST_METHOD"] != "GET":
            start_response("403 Forbidden", [("Content-Length", "0")])
            return []
        answer: Iterable[bytes] = super().__call__(environ, start_response)
        return answer


def server(address: str, port: int, token: str, reader: str = "") -> WSGIServer:
    """Return a server that is bound, with the schemas of RFC 7643 and no account."""
    provider = ScimProvider.from_discovery(
        load_default_schemas().values(),
        load_default_resource_types().values(),
        config=load_default_service_provider_config(),
    )
    service = ScimService(provider, secret=token)
    tokens = [token, reader] if reader else [token]
    application = _Readable(InMemoryStorage(), provider, service=service, bearer_tokens=tokens)
    application.reader = reader
    return make_server(address, port, application, handler_class=_Silent)


@contextmanager
def serving(token: str, address: str = "127.0.0.1", port: int = 0, reader: str = "") -> Iterator[str]:
    """Serve in a thread until the end of the block; yield the URL."""
    with server(address, port, token, reader) as bound:
        thread = threading.Thread(target=bound.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://{address}:{bound.server_port}/v2"
        finally:
            bound.shutdown()
            thread.join()


def main() -> None:
    """Serve until the process is ended."""
    address, port, token_file = sys.argv[1:]
    with server(address, int(port), Path(token_file).read_text().strip()) as bound:
        bound.serve_forever()


if __name__ == "__main__":
    main()
