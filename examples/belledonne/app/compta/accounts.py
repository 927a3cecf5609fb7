"""
Who somebody is and what they may do, asked of the identity provider over SCIM 2.0 each time.

Promise: keeps nothing, so that whoever is disabled there is out at once; a provider that does not answer
gives nobody anything. No proxy and no redirect leads the token elsewhere.
"""

import http.client
import json
import ssl
from typing import Any
from urllib.parse import quote, urlsplit

TIMEOUT_SECONDS = 10


class NoAnswerError(Exception):
    """The provider did not say."""


class Accounts:
    """Accounts at one provider, read only."""

    def __init__(self, url: str, token: str, authority: str | None = None) -> None:
        self._url, self._token = urlsplit(url), token
        self._context = ssl.create_default_context(cafile=authority)

    def entitlements(self, user: str) -> frozenset[str]:
        """
        Return what a user may do, such as ``dossiers:read``; nothing for one who is disabled or unknown.

        Raises:
            NoAnswerError: The provider is down, or does not let this application ask.
        """
        try:
            asked = quote(f"userName eq {json.dumps(user)}")
            found = [
                one for one in self._get(f"/Users?filter={asked}")["Resources"] if one["userName"] == user
            ]
            return frozenset(
                right["value"] for one in found if one.get("active") for right in one.get("entitlements", [])
            )
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
            raise NoAnswerError(str(error)) from error

    def _get(self, path: str) -> dict[str, Any]:
        host, port = self._url.hostname or "", self._url.port
        connection = (
            http.client.HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=self._context)
            if self._url.scheme == "https"
            else http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
        )
        try:
            headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/scim+json"}
            connection.request("GET", self._url.path + path, headers=headers)
            answer = connection.getresponse()
            if answer.status != http.client.OK:
                raise OSError(f"{self._url.hostname} answers {answer.status}")
            content: dict[str, Any] = {"Resources": [], **json.loads(answer.read())}
            return content
        finally:
            connection.close()
