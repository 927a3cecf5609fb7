"""
The outbox's mail server: SMTP (RFC 5321), over TLS where the settings name it.

Promise: says *not taken* only where the server said so or was never given the message; a connection that
breaks between the last byte and the answer is told as what it is, unknown.
"""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import EmailStr, Field

from migrate.outbox import NotTaken, OutboxError
from provisioning.manifest import RelativePath
from provisioning.model import Model
from provisioning.model_file import load_model
from provisioning.workspace import Workspace

TIMEOUT_SECONDS = 60


class MailSettings(Model):
    """``stacks/mail.yaml``: the vendor's mail server."""

    host: str = Field(pattern=r"^[A-Za-z0-9.:-]+$")
    port: int = Field(default=587, ge=1, le=65535)
    sender: EmailStr
    starttls: bool = True
    ca_file: RelativePath | None = Field(default=None, description="PEM, where it has its own authority.")
    user: str | None = None
    password_file: RelativePath | None = Field(default=None, description="Mode 0600, one line.")


def load_settings(workspace: Workspace) -> MailSettings:
    """
    Raises:
        ManifestError: The file is missing or has faults.
    """
    return load_model(
        workspace.stacks / "mail.yaml",
        MailSettings,
        next_step="write stacks/mail.yaml with host, port and sender; messages wait in the outbox",
    )


class SmtpServer:
    """One connection to a mail server, as `migrate.outbox.Server` has it."""

    def __init__(self, session: smtplib.SMTP) -> None:
        self._session = session

    def prepare(self, sender: str, recipients: list[str]) -> None:
        try:
            self._session.ehlo_or_helo_if_needed()
            self._session.rset()
            answers = [self._session.mail(sender), *(self._session.rcpt(one) for one in recipients)]
        except (smtplib.SMTPException, OSError) as error:
            raise NotTaken(f"the mail server broke off: {error}", next_step="fab outbox --send") from error
        for code, said in answers:
            if code not in (250, 251):
                raise _refused(code, said)

    def hand_over(self, content: bytes) -> None:
        try:
            code, said = self._session.data(content)
        except smtplib.SMTPDataError as error:  # before it was given a byte
            text = error.smtp_error if isinstance(error.smtp_error, bytes) else str(error.smtp_error).encode()
            raise _refused(error.smtp_code, text) from error
        except (smtplib.SMTPException, OSError) as error:
            raise OutboxError(
                f"the mail server broke off before it answered: {error or type(error).__name__}",
                state="It may have taken the message or not; it is not sent again by itself.",
                next_step="ask its recipient, then fab outbox --arrived ID, or --again ID",
            ) from error
        if code != 250:
            raise _refused(code, said)


@contextmanager
def connected(workspace: Workspace, settings: MailSettings) -> Iterator[SmtpServer]:
    """
    Connect, encrypt and log in as the settings say.

    Raises:
        NotTaken: It does not answer, shows another certificate, or refuses the login.
    """
    try:
        session = smtplib.SMTP(settings.host, settings.port, timeout=TIMEOUT_SECONDS)
    except (smtplib.SMTPException, OSError) as error:
        raise _unreachable(settings, error) from error
    try:
        try:
            if settings.starttls:
                authority = str(workspace.root / settings.ca_file) if settings.ca_file else None
                session.starttls(context=ssl.create_default_context(cafile=authority))
            if settings.user and settings.password_file:
                password = (workspace.root / settings.password_file).read_text().rstrip("\n")
                session.login(settings.user, password)
        except (smtplib.SMTPException, OSError) as error:
            raise _unreachable(settings, error) from error
        yield SmtpServer(session)
    finally:
        session.close()


def _refused(code: int, said: bytes) -> NotTaken:
    text = said.decode(errors="replace").splitlines()[:1]
    return NotTaken(
        f"the mail server refused a message: {code} {text[0] if text else ''}",
        state="It waits in the outbox.",
        next_step="fab outbox --send, once the cause is mended",
    )


def _unreachable(settings: MailSettings, error: Exception) -> NotTaken:
    return NotTaken(
        f"{settings.host}:{settings.port} takes no mail: {type(error).__name__}: {error}",
        state="Every message waits in the outbox.",
        next_step="correct stacks/mail.yaml, or fab outbox --send once it answers",
    )
