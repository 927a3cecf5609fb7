"""The ticket port and its adapters: a file, and an issue tracker over HTTP."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from migrate.tickets import Message, TicketError
from migrate.tickets.file import KeptInFile
from migrate.tickets.http import KeptByTracker

STATES = ("OPEN", "MIGRATION TEST", "CLOSED")
"""Each goes to the next one only."""


class Tracker(ThreadingHTTPServer):
    """An issue with a workflow, comments and a token; refuses all that it does not know."""

    daemon_threads = True
    state = 0
    comments: list[str]


class Handler(BaseHTTPRequestHandler):
    server: Tracker

    def _answer(self, status: int, content: object = None) -> None:
        body = json.dumps(content).encode() if content is not None else b""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _is_known(self) -> bool:
        if self.headers["Authorization"] != "Bearer s3cret":
            self._answer(401, {"errorMessages": ["who are you"]})
            return False
        return True

    def do_GET(self) -> None:
        if not self._is_known():
            return
        here, tracker = "/rest/api/2/issue/MIG-12", self.server
        match self.path:
            case p if p == f"{here}?fields=status":
                self._answer(200, {"fields": {"status": {"name": STATES[tracker.state]}}})
            case p if p == f"{here}/transitions":
                ahead = STATES[tracker.state + 1 : tracker.state + 2]
                self._answer(200, {"transitions": [{"id": "11", "to": {"name": name}} for name in ahead]})
            case p if p == f"{here}/comment?maxResults=5000":
                self._answer(200, {"comments": [{"body": body} for body in tracker.comments]})
            case _:
                self._answer(404, {})

    def do_POST(self) -> None:
        if not self._is_known():
            return
        content: Any = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        match self.path.rpartition("/")[2]:
            case "transitions" if content == {"transition": {"id": "11"}}:
                self.server.state += 1
                self._answer(204)
            case "comment":
                self.server.comments.append(content["body"])
                self._answer(201, {"id": "1"})
            case _:
                self._answer(400, {})

    def log_message(self, *_: object) -> None: ...


@contextmanager
def tracker() -> Iterator[tuple[Tracker, str]]:
    with Tracker(("127.0.0.1", 0), Handler) as server:
        server.comments = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server, f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_a_file_keeps_each_state_and_message_once(tmp_path: Path) -> None:
    """Moved or told twice, nothing is added; the history is in order."""
    path = tmp_path / "portal" / "ticket.json"
    ticket = KeptInFile(path)
    assert ticket.state() == ""
    assert [ticket.move("OPEN"), ticket.move("OPEN")] == [True, False]
    assert [ticket.say(Message("a", "Bonjour")), ticket.say(Message("a", "Bonjour"))] == [True, False]
    assert ticket.move("CLOSED")
    assert ticket.state() == "CLOSED"
    kept = [one.get("state") or one["message"] for one in json.loads(path.read_text())["history"]]
    assert kept == ["OPEN", "Bonjour", "CLOSED"]


def test_a_damaged_file_is_no_ticket(tmp_path: Path) -> None:
    """Something else in its place is told, and not written over."""
    path = tmp_path / "ticket.json"
    path.write_text("[]")
    with pytest.raises(TicketError, match="is no ticket"):
        KeptInFile(path).move("OPEN")
    assert path.read_text() == "[]"


def test_an_issue_is_moved_by_its_own_transitions() -> None:
    """By the tracker's workflow; a repeat leaves one comment and one state."""
    with tracker() as (server, url):
        ticket = KeptByTracker(url, "MIG-12", "s3cret")
        assert ticket.state() == "OPEN"
        assert [ticket.move("MIGRATION TEST"), ticket.move("MIGRATION TEST")] == [True, False]
        message = Message("mecavallon-test-1", "La préproduction est prête.")
        assert [ticket.say(message), ticket.say(message)] == [True, False]
        assert server.comments == ["La préproduction est prête.\n[mecavallon-test-1]"]
        with pytest.raises(
            TicketError, match="MIG-12 does not go to OPEN from where it is; it goes to CLOSED"
        ):
            ticket.move("OPEN")
    with pytest.raises(TicketError, match="does not answer"):
        ticket.state()


def test_a_token_is_neither_shown_nor_sent_in_the_clear() -> None:
    """A wrong one is told by what the tracker says; off this machine nothing is sent without TLS."""
    with tracker() as (_, url), pytest.raises(TicketError) as refused:
        KeptByTracker(url, "MIG-12", "wrong-one").state()
    assert "answered 401" in str(refused.value)
    assert "wrong-one" not in str(refused.value)
    assert "s3cret" not in repr(KeptByTracker(url, "MIG-12", "s3cret"))
    with pytest.raises(TicketError, match="is not https, so no token is sent there"):
        KeptByTracker("http://tracker.example", "MIG-12", "s3cret").state()
