"""
Who somebody is and what they may do, asked of the identity provider over SCIM 2.0 each time.

Promise: keeps nothing, so that whoever is disabled there is out at once; a provider that does not answer
gives nobody anything.
"""

import json
import ssl

import httpx2


class NoAnswerError(Exception):
    """The provider did not say."""


class Accounts:
    """Accounts at one provider, read only."""

    def __init__(self, url: str, token: str, authority: str | None = None) -> None:
        context = ssl.create_default_context(cafile=authority) if authority else True
        headers = {"Authorization": f"Bearer {token}"}
        self._client = httpx2.Client(
            base_url=url, headers=headers, verify=context, timeout=10, trust_env=False
        )

    def entitlements(self, user: str) -> frozenset[str]:
        """
        Return what a user may do, such as ``dossiers:read``; nothing for one who is disabled or unknown.

        Raises:
            NoAnswerError: The provider is down, or does not let this application ask.
        """
        try:
            asked = {"filter": f"userName eq {json.dumps(user)}"}
            answer = self._client.get("/Users", params=asked).raise_for_status().json()
            found = [one for one in answer.get("Resources", []) if one["userName"] == user]
            return frozenset(
                right["value"] for one in found if one.get("active") for right in one.get("entitlements", [])
            )
        except (httpx2.HTTPError, ValueError, KeyError, AttributeError, TypeError) as error:
            raise NoAnswerError(str(error)) from error
