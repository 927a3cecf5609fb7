"""The outbox over TLS with a login, as a vendor's mail server wants it."""

import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from migrate import smtp
from migrate.outbox import NotTaken
from migrate.smtp import MailSettings
from provisioning.workspace import Workspace
from tests.support.private_hosts import free_port

PASSWORD = "a password, with spaces"


class Post:
    """A mail server's mind that takes everything from whoever logged in."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's word
        self.taken.append(envelope.content)
        return "250 OK"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the certificate of a server at 127.0.0.1, and its key."""
    folder = tmp_path_factory.mktemp("certificate")
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=post"]
    words += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run(words, cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture
def settings(tmp_path: Path, certificate: Path) -> Iterator[tuple[MailSettings, Post]]:
    """Settings of a server that wants TLS and a login, and what it takes."""
    post, context = Post(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    (tmp_path / "ca.pem").write_bytes((certificate / "cert.pem").read_bytes())
    (tmp_path / "password").write_text(f"{PASSWORD}\n")

    def admit(server: Any, session: Any, envelope: Any, mechanism: str, given: Any) -> AuthResult:
        is_known = (given.login, given.password) == (b"bascule", PASSWORD.encode())
        return AuthResult(success=is_known, handled=is_known)

    controller = Controller(
        post,
        hostname="127.0.0.1",
        port=free_port("127.0.0.1"),
        tls_context=context,
        require_starttls=True,
        auth_required=True,
        authenticator=admit,
    )
    controller.start()
    yield (
        MailSettings(
            host="127.0.0.1",
            port=controller.port,
            sender="post@vendor.example",
            ca_file="ca.pem",
            user="bascule",
            password_file="password",
        ),
        post,
    )
    controller.stop()


def hand_over(folder: Path, settings: MailSettings) -> None:
    with smtp.connected(Workspace(folder), settings) as server:
        server.prepare(str(settings.sender), ["anna@alpenblick.example"])
        server.hand_over(b"Subject: x\r\n\r\nx\r\n")


def test_it_logs_in_over_tls(tmp_path: Path, settings: tuple[MailSettings, Post]) -> None:
    """The server's certificate is that of the authority in the settings, the password that of the file."""
    hand_over(tmp_path, settings[0])
    assert len(settings[1].taken) == 1


def test_another_certificate_or_password_hands_nothing_over(
    tmp_path: Path, settings: tuple[MailSettings, Post]
) -> None:
    """A server that nobody vouches for gets neither password nor message; a wrong password is told."""
    with pytest.raises(NotTaken, match="CERTIFICATE_VERIFY_FAILED"):
        hand_over(tmp_path, settings[0].model_copy(update={"ca_file": None}))
    (tmp_path / "password").write_text("another\n")
    with pytest.raises(NotTaken, match="SMTPAuthenticationError") as refused:
        hand_over(tmp_path, settings[0])
    assert PASSWORD not in str(refused.value)
    assert settings[1].taken == []
