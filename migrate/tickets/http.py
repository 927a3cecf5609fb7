"""
A ticket of an issue tracker with a REST interface like Jira's (``/rest/api/2``).

Promise: the token is sent to that tracker only, over TLS unless it is on this machine, and never shown. What
could not be done is an error that says what the tracker answered.

Source: Jira's REST API version 2, issue, transitions and comments.
"""

import http.client
import json
import ssl
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from migrate.tickets import Message, TicketError

TIMEOUT_SECONDS = 20.0


@dataclass(frozen=True)
class KeptByTracker:
    """One issue. `ca` is the PEM of the tracker's own authority; None for those that the machine trusts."""

    url: str
    issue: str
    token: str = field(repr=False)
    ca: str | None = None

    def state(self) -> str:
        return str(self._ask("GET", "?fields=status")["fields"]["status"]["name"])

    def move(self, state: str) -> bool:
        if self.state() == state:
            return False
        ways = self._ask("GET", "/transitions")["transitions"]
        way = next((one["id"] for one in ways if one["to"]["name"] == state), None)
        if way is None:
            known = ", ".join(one["to"]["name"] for one in ways) or "nowhere"
            raise TicketError(
                f"{self.issue} does not go to {state} from where it is; it goes to {known}",
                next_step="correct the tracker's workflow, or the state in the playbook",
            )
        self._ask("POST", "/transitions", {"transition": {"id": way}})
        return True

    def say(self, message: Message) -> bool:
        mark = f"[{message.key}]"
        if any(mark in one["body"] for one in self._ask("GET", "/comment?maxResults=5000")["comments"]):
            return False
        self._ask("POST", "/comment", {"body": f"{message.text}\n{mark}"})
        return True

    def _ask(self, method: str, what: str, body: object = None) -> Any:
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        connection: http.client.HTTPConnection
        if parts.scheme == "https":
            context = ssl.create_default_context(cadata=self.ca)
            connection = http.client.HTTPSConnection(
                host, parts.port, timeout=TIMEOUT_SECONDS, context=context
            )
        elif host.startswith("127.") or host == "localhost":
            connection = http.client.HTTPConnection(host, parts.port, timeout=TIMEOUT_SECONDS)
        else:
            raise TicketError(
                f"{self.url} is not https, so no token is sent there", next_step="correct ticket.url"
            )
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        path = f"{parts.path}/rest/api/2/issue/{self.issue}{what}"
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            raise TicketError(
                f"{self.url} does not answer: {error or type(error).__name__}",
                state="Nothing else was done by this step.",
                next_step="fab run, once it answers",
            ) from error
        finally:
            connection.close()
        if answer.status >= 300:
            raise TicketError(
                f"{self.url} answered {answer.status} to {method} {self.issue}{what}: {text[:300]}"
            )
        return json.loads(text) if text else {}
