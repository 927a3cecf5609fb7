"""
Delivering events to the billing system: HTTPS, signed as Standard Webhooks asks, tried again where it helps.

Promise: delivered means that the endpoint said 2xx to this very id. What broke off is repeated with the same
id, by which the endpoint tells that it has it already. The key never leaves this process; no redirect is
followed and no proxy stands between.
"""

import base64
import binascii
import hashlib
import hmac
import http.client
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self
from urllib.parse import urlsplit

from pydantic import SecretStr

from migrate.billing.events import CONTENT_TYPE, Event, waiting
from migrate.case import Case
from migrate.databases import secret_line, text_of
from migrate.errors import BillingError
from provisioning.manifest_deployment import Subscription

TIMEOUT_SECONDS = 10
PAUSES_SECONDS = (0.5, 1.0, 2.0)
"""Between one attempt and the next, within one command; later ones are left to the next command."""
_WORTH_ANOTHER = {408, 425, 429}


@dataclass(frozen=True)
class Endpoint:
    """Where events go. `key` is the decoded secret."""

    url: str
    ca: str | None
    key: SecretStr

    @classmethod
    def of(cls, case: Case, subscription: Subscription) -> Self:
        """
        Return the tenant's endpoint.

        Raises:
            BillingError: Its secret is none.
            MigrationError: A file is missing, or others may read the secret.
        """
        root = case.workspace.root
        secret = secret_line(root / subscription.secret_file)
        try:
            base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            secret = ""
        if not secret.startswith("whsec_") or len(secret) < 30:
            raise BillingError(
                f"{subscription.secret_file} holds no key such as whsec_… with 24 bytes or more in base64",
                state="Nothing was sent.",
                next_step="take over the key from the billing system",
            )
        ca = text_of(root / subscription.ca_file) if subscription.ca_file else None
        return cls(str(subscription.endpoint), ca, SecretStr(secret))

    def headers(self, event: Event, at: datetime) -> dict[str, str]:
        """Return what Standard Webhooks asks for: id, moment, and HMAC-SHA256 over both and the body."""
        moment = str(int(at.timestamp()))
        key = base64.b64decode(self.key.get_secret_value().removeprefix("whsec_"))
        signed = hmac.new(key, f"{event.id}.{moment}.".encode() + event.body, hashlib.sha256).digest()
        return {
            "Content-Type": CONTENT_TYPE,
            "Connection": "close",
            "webhook-id": event.id,
            "webhook-timestamp": moment,
            "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
        }


def deliver_waiting(case: Case, endpoint: Endpoint, *, pause: Callable[[float], None] = time.sleep) -> int:
    """
    Deliver what waits, in order; return how many events were delivered.

    Raises:
        BillingError: One was not taken; it and those behind it wait for the next time.
    """
    events = waiting(case)
    for done, event in enumerate(events):
        attempts = _deliver(case, endpoint, event, len(events) - done, pause)
        case.journal.append("event-delivered", event.id, type=event.type, attempts=attempts)
    return len(events)


def _deliver(case: Case, endpoint: Endpoint, event: Event, left: int, pause: Callable[[float], None]) -> int:
    said = ""
    for attempt, seconds in enumerate((*PAUSES_SECONDS, None), 1):
        try:
            status = _post(endpoint, event)
        except (OSError, http.client.HTTPException) as error:
            said = str(error) or type(error).__name__
        else:
            if 200 <= status < 300:
                return attempt
            said = f"it answered {status}"
            if status < 500 and status not in _WORTH_ANOTHER:
                break
        if seconds is not None:
            pause(seconds)
    raise BillingError(
        f"the billing system did not take {event.type} ({event.subject}): {said}",
        state=f"{left} event(s) wait; each will be sent with the id that it has, so none counts twice.",
        next_step=f"fab billing --tenant {case.manifest.tenant}, once {endpoint.url} takes it",
    )


def _post(endpoint: Endpoint, event: Event) -> int:
    url = urlsplit(endpoint.url)
    context = ssl.create_default_context(cadata=endpoint.ca)
    connection = http.client.HTTPSConnection(
        url.hostname or "", url.port or 443, timeout=TIMEOUT_SECONDS, context=context
    )
    try:
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        connection.request("POST", path, event.body, endpoint.headers(event, datetime.now(UTC)))
        return connection.getresponse().status
    finally:
        connection.close()
