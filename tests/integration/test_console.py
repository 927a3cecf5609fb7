"""The admin console: sessions of a site, live, in a real browser."""

import http.client
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from migrate.console.connections import Connections, told_by
from migrate.console.serving import Console
from migrate.errors import ConnectionFailed
from migrate.waiting import wait_until
from provisioning.door_page import REASON, form
from provisioning.manifest import Manifest
from tests.support.browser import Page, chromium
from tests.support.tenants import firm_manifest


def _line(event: str, session: str, at: str, user: str = "CLAIRE") -> str:
    return json.dumps(
        {"at": f"2027-03-10T{at}+01:00", "event": event, "session": session, "user": user, "from": "poste-01"}
    )


LOG = [
    _line("opened", "a", "08:00:00"),
    _line("opened", "b", "08:05:00", "<b>PAUL</b>"),
    _line("closed", "a", "08:30:00"),
    "half a li",
    _line("closed", "before", "08:31:00"),
]


def test_a_log_tells_open_sessions_first() -> None:
    """Open ones before closed ones; what cannot be read is counted, and nothing is guessed."""
    told = told_by(LOG)
    assert [(one.user, one.closed_at is None) for one in told.sessions] == [
        ("<b>PAUL</b>", True),
        ("CLAIRE", False),
    ]
    assert (told.open, told.unreadable) == (1, 1)


@contextmanager
def _console(read: "list[Connections | Exception]") -> Iterator[Console]:
    def now() -> Connections:
        if isinstance(read[0], Exception):
            raise read[0]
        return read[0]

    console = Console(Manifest.model_validate(firm_manifest()), now)
    thread = threading.Thread(target=console.serve)
    thread.start()
    try:
        yield console
    finally:
        console.close()
        thread.join()


def _ask(what: str | urllib.request.Request) -> http.client.HTTPResponse:
    answer: http.client.HTTPResponse = urllib.request.urlopen(what)  # noqa: S310 - our own, on loopback
    return answer


def test_only_this_machine_is_answered() -> None:
    """A request in another host's name, and any other path, gets nothing."""
    with _console([told_by(LOG)]) as console:
        headers = {"Host": "console.example"}
        foreign = urllib.request.Request(console.url, headers=headers)  # noqa: S310 - loopback
        with pytest.raises(urllib.error.HTTPError, match="403"):
            _ask(foreign)
        with pytest.raises(urllib.error.HTTPError, match="404"):
            _ask(console.url + "etc/passwd")
        with _ask(console.url) as answer:
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
            assert "&lt;b&gt;PAUL&lt;/b&gt;" in answer.read().decode()


def test_a_site_that_does_not_answer_is_told() -> None:
    """The page stands, and says why there is no list."""
    with (
        _console([ConnectionFailed("no SSH connection to belledonne")]) as console,
        _ask(console.url) as answer,
    ):
        assert "no SSH connection to belledonne" in answer.read().decode()


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    with chromium() as page:
        yield page


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_is_live_and_fits(browser: Page, width: int) -> None:
    """A new session shows by itself; nothing sticks out; heads, names and landmarks are there."""
    shown: list[Connections | Exception] = [told_by(LOG)]
    with _console(shown) as console:
        browser.complaints.clear()
        browser.open(console.url, width)
        assert browser.value("document.querySelector('[role=status]').textContent") == "Sessions ouvertes : 1"
        assert browser.value("document.documentElement.scrollWidth") <= width
        assert browser.value("document.documentElement.lang") == "fr"
        assert browser.value("document.querySelectorAll('h1').length") == 1
        assert browser.value("['header','main','footer'].every(n => document.querySelector(n))")
        assert browser.value("[...document.querySelectorAll('thead th')].every(h => h.scope === 'col')")
        assert browser.value("document.querySelector('.wide').tabIndex") == 0
        assert browser.value("document.querySelector('table').caption.textContent") != ""
        browser.value("document.querySelector('.wide').focus()")
        shown[0] = told_by([*LOG, _line("opened", "c", "09:00:00", "CHEF")])
        assert wait_until(
            lambda: "CHEF" in str(browser.value("document.querySelector('tbody').textContent")),
            deadline_seconds=15,
            pace_seconds=0.2,
        )
        assert browser.value("document.querySelector('[role=status]').textContent") == "Sessions ouvertes : 2"
        assert browser.value("document.activeElement.className") == "wide"
        assert browser.complaints == []


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_is_read_in_order(browser: Page, width: int) -> None:
    """What a screen reader is given: where one is, how many are there, and each cell under its head."""
    with _console([told_by(LOG)]) as console:
        browser.open(console.url, width)
        assert browser.read_aloud() == [
            "RootWebArea Connexions au site – Cabinet",
            "link Aller aux sessions",
            "Cabinet",
            "heading Connexions au site",
            "Sessions ouvertes : 1",
            "Lignes illisibles dans le journal : 1",
            "region Sessions selon le journal des connexions",
            "table Sessions selon le journal des connexions",
            "columnheader Utilisateur",
            "columnheader Poste",
            "columnheader Depuis",
            "columnheader Jusqu'à",
            "rowheader <b>PAUL</b>",
            "cell poste-01",
            "cell mercredi 10 mars 2027, 08:05",
            "cell en cours",
            "rowheader CLAIRE",
            "cell poste-01",
            "cell mercredi 10 mars 2027, 08:00",
            "cell mercredi 10 mars 2027, 08:30",
            "Se met à jour toutes les deux secondes.",
        ]


@pytest.mark.browser
@pytest.mark.parametrize(
    ("language", "heading"),
    [("fr", "Ce site est suspendu"), ("nb", "Dette nettstedet er stengt"), ("it", "This site is suspended")],
)
def test_a_shut_door_is_read_whole(browser: Page, tmp_path: Path, language: str, heading: str) -> None:
    """Title, heading and reason, in a language that the reader's voice is told."""
    page = tmp_path / "door.html"
    page.write_text(form("suspended", language).replace(REASON, "Facture 12"))
    browser.open(page, 390)
    assert browser.read_aloud() == [f"RootWebArea {heading}", f"heading {heading}", "Facture 12"]
    assert browser.value("document.documentElement.lang") == (language if language != "it" else "en")
