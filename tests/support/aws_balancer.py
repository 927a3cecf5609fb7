"""
A load balancer's front for tests: it answers as the one listener rule in a host's doubled AWS says.

Promise: as a load balancer does, it adds no header to a fixed answer; it ends with its block.
"""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.support.aws_host import LaidDown
from tests.support.tiny_site import self_signed


@contextmanager
def balancer_before(host: LaidDown, folder: Path) -> Iterator[tuple[str, str]]:
    """Serve; gives the URL and the PEM that it is to be trusted by."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            (action,) = host.kept["actions"]
            fixed = action.get("FixedResponseConfig")
            status, body = (int(fixed["StatusCode"]), fixed["MessageBody"]) if fixed else (200, "inside")
            content = body.encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            return  # a test's output is its own

    certificate, key = self_signed()
    pem = folder / "balancer.pem"
    pem.write_bytes(certificate + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_address[1]}", certificate.decode()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
