"""The door, flipped on a host and seen over real HTTPS from outside."""

from datetime import datetime
from pathlib import Path

import pytest
from invoke.context import MockContext
from invoke.runners import Result

from migrate import door
from migrate.errors import ConnectionFailed, Refused, VerificationError
from migrate.web import Answer, ask
from provisioning import door_page
from provisioning.aws.door import page as aws_page
from provisioning.errors import SiteError
from tests.support.tiny_site import TinySite


class Host(MockContext):
    """A host whose door command opens and closes a tiny site, as long as it `obeys`."""

    def __init__(self, tiny: TinySite, *, obeys: bool = True) -> None:
        super().__init__()
        self._set("tiny", tiny)
        self._set("obeys", obeys)
        self._set("said", [])

    def run(self, command: str, **_: object) -> Result:
        self.said.append(command)
        words = command.split()
        assert words[0] == "bin/door"
        if len(words) == 1:
            return Result(self.tiny.door)
        if self.obeys:
            self.tiny.door = words[1]
        return Result(words[1])


def test_a_closed_door_is_seen_closed_and_an_open_one_open(tmp_path: Path) -> None:
    """503 with Retry-After is closed, an answer is open."""
    with TinySite(tmp_path) as tiny:
        assert door.seen_open(tiny.outputs) is False
        tiny.door = "open"
        assert door.seen_open(tiny.outputs) is True


def test_a_load_balancers_door_is_known_by_its_page() -> None:
    """A fixed answer carries no header of ours: its page says what it is; any other 503 is a fault."""
    page = aws_page("suspended", "Unpaid since May")
    assert door.says_closed(Answer(503, {"content-type": "text/html"}, page))
    assert not door.says_closed(Answer(503, {}, "<h1>503 Service Temporarily Unavailable</h1>"))
    assert not door.says_closed(Answer(200, {}, page))


@pytest.mark.parametrize(
    ("language", "suspended", "closed"),
    [
        ("fr", "Ce site est suspendu", "Merci de revenir plus tard."),
        ("de", "Diese Website ist gesperrt", "Bitte versuchen Sie es später noch einmal."),
        ("nb", "Dette nettstedet er stengt", "Vennligst prøv igjen senere."),
        ("en", "This site is suspended", "Please come back later."),
    ],
)
def test_the_page_is_in_the_tenants_language(language: str, suspended: str, closed: str) -> None:
    """Heading, what stands without a reason, and the language that a screen reader speaks it in."""
    assert f"<h1>{suspended}</h1><p>Mai &amp; Juni</p>" in aws_page("suspended", "Mai & Juni", language)
    page = aws_page("closed", language=language)
    assert f'<html lang="{language}">' in page
    assert f"<p>{closed}</p>" in page
    assert suspended not in page


@pytest.mark.parametrize(
    ("language", "says"),
    [
        ("fr", "Il ouvre au plus tard le 3 juillet 2027 à 12:00."),
        ("de", "Sie öffnet spätestens am 3. Juli 2027, 12:00 Uhr."),
        ("nb", "Det åpner senest 3. juli 2027 kl. 12:00."),
        ("en", "It opens by 3 July 2027, 12:00."),
        ("it", "It opens by 3 July 2027, 12:00."),
    ],
)
def test_a_door_that_is_to_open_says_by_when(language: str, says: str) -> None:
    """On the tenant's wall clock, as it was agreed with them."""
    agreed = datetime.fromisoformat("2027-07-03T12:00:00+02:00")
    assert door_page.later(language, agreed) == says


def test_a_language_without_words_reads_english() -> None:
    """A page says of itself that it is English, then."""
    page = door_page.form("closed", "it")
    assert '<html lang="en">' in page
    assert "This site is not open yet" in page
    assert door_page.later("it") == "Please come back later."


def test_flip_is_over_when_it_is_seen(tmp_path: Path) -> None:
    """A flip ends when somebody outside sees it; a second one changes nothing."""
    with TinySite(tmp_path) as tiny:
        host = Host(tiny)
        door.flip(host, tiny.outputs, "open")
        door.flip(host, tiny.outputs, "open")
        assert (door.read(host, tiny.outputs), host.said) == ("open", ["bin/door open"] * 2 + ["bin/door"])


def test_a_flip_that_nobody_sees_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that says open while users read 503 has not opened."""
    monkeypatch.setattr(door, "SEEN_WITHIN_SECONDS", 0.0)
    with TinySite(tmp_path) as tiny, pytest.raises(SiteError, match="is open on its host, yet https"):
        door.flip(Host(tiny, obeys=False), tiny.outputs, "open")


def test_an_open_door_with_nothing_behind_it_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An application that answers 500 is no open door."""
    monkeypatch.setattr(door, "SEEN_WITHIN_SECONDS", 0.0)
    with TinySite(tmp_path) as tiny:
        monkeypatch.setattr(tiny, "answer", lambda path, headers: (500, {}))
        with pytest.raises(VerificationError, match="answers 500: neither an open door nor a closed one"):
            door.flip(Host(tiny), tiny.outputs, "open")


def test_a_reason_is_one_word_to_the_shell(tmp_path: Path) -> None:
    """A reason cannot become a command on the host."""
    with TinySite(tmp_path) as tiny:
        host = Host(tiny)
        door.flip(host, tiny.outputs, "suspended", "back at 5; rm -rf /")
        assert host.said == ["bin/door suspended 'back at 5; rm -rf /'"]


@pytest.mark.parametrize(
    ("state", "reason", "fault"),
    [
        ("ajar", "", "no door state 'ajar'"),
        ("suspended", "", "a reason goes with suspended"),
        ("open", "because", "a reason goes with suspended"),
        ("suspended", "two\nlines", "one line of at most 200"),
        ("suspended", "--yes", "begins with no hyphen"),
        ("suspended", "x" * 201, "one line of at most 200"),
    ],
)
def test_a_state_that_makes_no_sense_is_refused(state: str, reason: str, fault: str) -> None:
    """What somebody types is checked before anything is touched."""
    with pytest.raises(Refused, match=fault):
        door.state_called(state, reason)


@pytest.mark.parametrize("said", [Result("ajar\n"), Result(exited=1, stderr="no such file"), Result("")])
def test_a_door_that_does_not_tell_is_an_error(tmp_path: Path, said: Result) -> None:
    """A door whose state cannot be read is never taken for a closed one."""
    with TinySite(tmp_path) as tiny, pytest.raises(SiteError, match="`bin/door` on tiny-prod ended with"):
        door.read(MockContext(run={"bin/door": said}), tiny.outputs)


def test_a_site_is_asked_with_its_own_authority_only(tmp_path: Path) -> None:
    """A server with another certificate than the pinned authority's is not the site, whatever it answers."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with TinySite(tmp_path / "a") as one, TinySite(tmp_path / "b") as other:
        pretended = one.outputs.model_copy(update={"ca": other.ca})
        with pytest.raises(ConnectionFailed, match="CERTIFICATE_VERIFY_FAILED"):
            ask(pretended)
        assert one.asked == []


def test_the_closed_door_lets_the_verifier_in_and_nobody_else(tmp_path: Path) -> None:
    """The verification path needs its token, which is sent only when asked for."""
    with TinySite(tmp_path) as tiny:
        assert ask(tiny.outputs, "/version", verified=True).status == 200
        assert ask(tiny.outputs, "/.bascule/verify/version").status == 503


def test_no_answer_is_an_error_with_the_next_command(tmp_path: Path) -> None:
    """A site that is down is told as such."""
    with TinySite(tmp_path) as tiny:
        gone = tiny.outputs
    with pytest.raises(ConnectionFailed, match=r"(?s)no answer from .*Next: fab verify --tenant tiny"):
        ask(gone)
