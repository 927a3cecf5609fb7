"""
A server of Pulumi releases on loopback, for the tests of how the engine is obtained.

Promise: it serves what a test put there, counts what was asked for, and ends with the `with` block.
"""

import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tools.pulumi.release import archive_name
from tools.pulumi.setting import VERSION

ENGINE = f'#!/bin/sh\n[ "$1" = version ] && echo v{VERSION}\n'
"""What answers as the engine does when it is asked for its version."""
CHECKSUMS = f"/pulumi-{VERSION}-checksums.txt"


def archive(members: dict[str, str]) -> bytes:
    """Return a .tar.gz of these executables (path in the archive -> text)."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as tar:
        for name, text in members.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text.encode()), 0o644
            tar.addfile(entry, io.BytesIO(text.encode()))
    return whole.getvalue()


def good_release() -> dict[str, bytes]:
    """Return what the publisher serves for the pinned version: path -> content."""
    packed = archive({"pulumi/pulumi": ENGINE, "pulumi/pulumi-language-python": "#!/bin/sh\n"})
    sums = f"{'0' * 64}  another.tar.gz\n{hashlib.sha256(packed).hexdigest()}  {archive_name()}\n"
    return {f"/{archive_name()}": packed, CHECKSUMS: sums.encode()}


class ReleaseServer:
    """Serves `files`, remembers what was asked for; `cut_after` breaks an answer off."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.asked: list[str] = []
        self.cut_after: int | None = None
        self.url = ""


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[ReleaseServer]:
    """Run a server for the length of the block."""
    release = ReleaseServer(files)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            release.asked.append(self.path)
            body = release.files.get(self.path)
            if body is None:
                self.send_error(403, "Forbidden")
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            cut = release.cut_after if self.path.endswith(".gz") else None
            self.wfile.write(body[:cut])

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: a test's output is its failures."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    release.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield release
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def executable(path: Path, text: str) -> Path:
    """Write a program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path
