"""
A site as seen from outside, in a few lines: a real HTTPS server with a door, for tests of those who ask it.

Promise: own port on 127.0.0.1, its own authority, and no thread left after `close`.
"""

import json
import ssl
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from provisioning.site import DatabaseEndpoint, DatabaseRole, Door, SiteOutputs, SshAccess

VERIFIED = "verification-token-of-a-test"
INTERFACE = "interface-token-of-a-test"
_PATH = "/.bascule/verify/"


def self_signed(address: str = "127.0.0.1", *, days: int = 90) -> tuple[bytes, bytes]:
    """Return certificate and key (PEM) of a server on `address` that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tiny site")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM), private


@dataclass
class TinySite:
    """A running site. Set `door` and `stored` to what it shall answer."""

    folder: Path
    door: str = "closed"
    stored: dict[str, Any] = field(default_factory=lambda: {"received": 0, "last_sequence": 0})
    asked: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        certificate, key = self_signed()
        self.ca = certificate.decode()
        pem = self.folder / "tiny-site.pem"
        pem.write_bytes(certificate + key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def outputs(self) -> SiteOutputs:
        """The contract of this site; what is not asked for over HTTPS is made up."""
        role = DatabaseRole(name="somebody", password=SecretStr("a-database-password"))
        host = "Host tiny-prod\n  HostName 127.0.0.1\n  Port 2222\n  User bascule\n"
        return SiteOutputs(
            tenant="tiny",
            environment="prod",
            substrate="local",
            url=f"https://127.0.0.1:{self._server.server_address[1]}",
            ca=self.ca,
            site_name="tiny.care.example",
            verification_path=_PATH,
            verification_token=SecretStr(VERIFIED),
            ssh=SshAccess(
                alias="tiny-prod",
                config=host,
                known_hosts="[127.0.0.1]:2222 ssh-ed25519 AAAA",
                identity=SecretStr("key"),
            ),
            database=DatabaseEndpoint(
                host="127.0.0.1",
                port=5432,
                dbname="tiny",
                ca=self.ca,
                owner=role,
                application=role,
                migration=role,
            ),
            files="/srv/files",
            backups="/srv/backups",
            application_name="tiny",
            application_version="1.0.0",
            interface_token=SecretStr(INTERFACE),
            interface_inbox="inbox",
            door=Door(state="closed", command="bin/door"),
        )

    def answer(self, path: str, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Return status and body for one request."""
        if path.startswith(_PATH):
            if headers.get("x-verification-token") != VERIFIED:
                return 503, {}
            path = "/" + path.removeprefix(_PATH)
        elif self.door != "open":
            return 503, {}
        if path.startswith("/interfaces/"):
            allowed = headers.get("authorization") == f"Bearer {INTERFACE}"
            return (200, self.stored) if allowed else (401, {})
        return 200, {}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.path)
                status, body = site.answer(self.path, {k.lower(): v for k, v in self.headers.items()})
                content = json.dumps(body).encode()
                self.send_response(status)
                if status == 503:
                    self.send_header("Retry-After", "60")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                return  # a test's output is its own

        return Handler
