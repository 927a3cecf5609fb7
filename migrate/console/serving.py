"""
The console's page: sessions of a site, live, on this machine's loopback address.

Promise: serves one page and its table and nothing else, to this machine only; a request that names another
host, as a page of somebody else's would make it, is refused. Without scripts the page reloads itself.
"""

import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files

from migrate.console.connections import Connections
from migrate.documents import Voice
from migrate.templating import templates
from provisioning.errors import BasculeError
from provisioning.manifest import Manifest

_FRESH_SECONDS = 1.0
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:;"
    " frame-ancestors 'none'"
)
_KINDS = {"console.css": "text/css", "console.js": "text/javascript"}


class Console:
    """A server that is bound; `url` is where it answers once `serve` was called."""

    def __init__(self, manifest: Manifest, read: Callable[[], Connections], port: int = 0) -> None:
        """
        Args:
            read: Gives the sessions of now; called at most once a second, never twice at once.
        """
        self._manifest, self._read = manifest, read
        self._voice = Voice.of(manifest)
        self._lock = threading.Lock()
        self._seen: tuple[float, str] | None = None
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        self.port: int = self._server.server_port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def serve(self) -> None:
        """Answer until `close`."""
        self._server.serve_forever(poll_interval=0.1)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def table(self) -> str:
        """The part of the page that changes, as HTML."""
        with self._lock:
            if self._seen is None or time.monotonic() - self._seen[0] > _FRESH_SECONDS:
                self._seen = time.monotonic(), self._rendered()
            return self._seen[1]

    def page(self) -> str:
        return self._template("console.html.j2", table=self.table())

    def _rendered(self) -> str:
        try:
            return self._template("console_table.html.j2", found=self._read(), error=None)
        except BasculeError as error:
            return self._template("console_table.html.j2", found=None, error=error)

    def _template(self, name: str, **content: object) -> str:
        return (
            templates("templates")
            .get_template(name)
            .render(v=self._voice, say=self._voice.say, customer=self._manifest, **content)
        )

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        console = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                """Serve the page, its table, style or script."""
                if self.headers.get("Host") not in (f"127.0.0.1:{console.port}", f"localhost:{console.port}"):
                    self.send_error(HTTPStatus.FORBIDDEN)
                elif self.path == "/":
                    self._send(console.page(), "text/html")
                elif self.path == "/sessions":
                    self._send(console.table(), "text/html")
                elif (name := self.path.removeprefix("/")) in _KINDS:
                    self._send((files("migrate") / "templates" / name).read_text(), _KINDS[name])
                else:
                    self.send_error(HTTPStatus.NOT_FOUND)

            def _send(self, text: str, kind: str) -> None:
                content = text.encode()
                self.send_response(HTTPStatus.OK)
                self.send_header("Content-Type", f"{kind}; charset=utf-8")
                self.send_header("Content-Length", str(len(content)))
                self.send_header("Content-Security-Policy", _POLICY)
                self.send_header("X-Content-Type-Options", "nosniff")
                self.send_header("Cache-Control", "no-store")
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing: the operator's terminal is for what matters."""

        return Handler
