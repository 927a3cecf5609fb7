"""
Asking a site over HTTPS, as its users do, or as the verifier whom the closed door lets through.

Promise: the certificate is checked against the site's own authority and no other; no proxy, no
redirect and no cache stands between; a token is sent to that site only, and never shown.
"""

import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from migrate.errors import ConnectionFailed
from provisioning.site import SiteOutputs

TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class Answer:
    """What a site said. Header names are lowercase."""

    status: int
    headers: Mapping[str, str]
    body: str

    def json(self) -> dict[str, Any]:
        """
        Return the body as a JSON object.

        Raises:
            ValueError: It is none.
        """
        content = json.loads(self.body)
        if not isinstance(content, dict):
            raise ValueError(f"a JSON {type(content).__name__}, not an object")
        return content


def ask(
    site: SiteOutputs,
    path: str = "/",
    *,
    verified: bool = False,
    interface: bool = False,
    body: Mapping[str, Any] | None = None,
    method: str = "",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """
    Send one request to the site's public address.

    Args:
        path: Absolute, below the site's URL.
        verified: Go by the verification path, which answers whatever the door's state.
        interface: Present the token of the site's interfaces.
        body: Sent as JSON with POST; without one the request is a GET.
        method: Another one than that.
        headers: Sent besides.

    Raises:
        ConnectionFailed: No answer, or the certificate is not the site's.
    """
    url = urlsplit(site.url)
    sent = {**(headers or {}), "Connection": "close"}
    if verified:
        path = site.verification_path.rstrip("/") + path
        sent["X-Verification-Token"] = site.verification_token.get_secret_value()
    if interface:
        sent["Authorization"] = f"Bearer {site.interface_token.get_secret_value()}"
    content = None
    if body is not None:
        content, sent["Content-Type"] = json.dumps(body), "application/json"
    connection = http.client.HTTPSConnection(
        url.hostname or "",
        url.port or 443,
        timeout=TIMEOUT_SECONDS,
        context=ssl.create_default_context(cadata=site.ca),
    )
    try:
        method = method or ("GET" if content is None else "POST")
        connection.request(method, url.path.rstrip("/") + path, content, sent)
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, text)
    except (OSError, http.client.HTTPException) as error:
        raise ConnectionFailed(
            f"no answer from {site.url}{path}: {error or type(error).__name__}",
            next_step=f"fab verify --tenant {site.tenant} --environment {site.environment}",
        ) from error
    finally:
        connection.close()
