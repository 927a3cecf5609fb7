"""The demo's connector: its outbox, its line and its control command."""

import json
import stat
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from examples.alpenblick.interfaces.connector.config import Config, ConnectorError
from examples.alpenblick.interfaces.connector.outbox import Message, Outbox
from examples.alpenblick.interfaces.connector.service import Sender

CONTROL = Path(__file__).resolve().parents[2] / "examples" / "alpenblick" / "interfaces" / "control"
DESTINATION = {
    "kind": "https",
    "url": "https://h.example/interfaces/x/messages",
    "token": "t0ken",
    "ca": "PEM",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    settings = {"name": "medikamente", "kind": "https", "interval_seconds": 0.2}
    (tmp_path / "connector.json").write_text(json.dumps(settings))
    return tmp_path


def control(folder: Path, *words: str, give: object = None) -> dict[str, Any]:
    done = run_control(folder, *words, give=give)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def run_control(folder: Path, *words: str, give: object = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, CONTROL, folder, *words],
        input=json.dumps(give) if give is not None else "",
        text=True,
        capture_output=True,
        check=False,
    )


def test_numbers_have_no_holes_and_survive_reopening(folder: Path) -> None:
    """A message's number is on disk before it is accepted, and counting goes on where it stopped."""
    first = Outbox(folder)
    assert [first.accept({"n": n}) for n in range(3)] == [1, 2, 3]
    first.close()
    second = Outbox(folder)
    assert second.accept({"n": 3}) == 4
    assert [message.payload["n"] for message in second.waiting(10)] == [0, 1, 2, 3]
    assert second.counts() == {"accepted": 4, "delivered": 0, "waiting": 4, "last_sequence": 4}
    second.close()


def test_two_openings_in_one_process_see_each_other(folder: Path) -> None:
    """The partner's thread and the sender's see one outbox, also after one of them closed its own."""
    sender, partner = Outbox(folder), Outbox(folder)
    for _ in range(5):
        partner.accept({})
    partner.close()
    again = Outbox(folder)
    again.accept({})
    assert sender.counts()["accepted"] == 6
    for outbox in (sender, again):
        outbox.close()


def test_the_outbox_is_for_its_owner_only(folder: Path) -> None:
    """The file that holds the token has mode 0600, and status never shows it."""
    control(folder, "repoint", give=DESTINATION)
    shown = run_control(folder, "status")
    assert "t0ken" not in shown.stdout + shown.stderr
    for path in folder.glob("outbox.sqlite*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_new_connector_is_held_and_verbs_may_be_repeated(folder: Path) -> None:
    """hold, release and repoint find themselves done the second time."""
    assert control(folder, "status")["mode"] == "held"
    for _ in range(2):
        assert control(folder, "repoint", give=DESTINATION)["destination"]["url"] == DESTINATION["url"]
    for _ in range(2):
        assert control(folder, "release")["mode"] == "transmitting"
    for _ in range(2):
        assert control(folder, "hold")["mode"] == "held"


def test_repoint_is_refused_while_transmitting(folder: Path) -> None:
    """A connector that transmits is not repointed, and its destination stays."""
    control(folder, "repoint", give=DESTINATION)
    control(folder, "release")
    done = run_control(folder, "repoint", give={**DESTINATION, "url": "https://other.example/"})
    assert done.returncode != 0
    assert done.stderr == "hold first: a connector that transmits is not repointed\n"
    assert control(folder, "status")["destination"]["url"] == DESTINATION["url"]


def test_repoint_back_restores_the_destination_before(folder: Path) -> None:
    """--back goes one step back, and does nothing when there is none."""
    control(folder, "repoint", give=DESTINATION)
    control(folder, "repoint", give={**DESTINATION, "url": "https://site.example/x"})
    for _ in range(2):
        back = control(folder, "repoint", "--back")
        assert back["destination"]["url"] == DESTINATION["url"]


def test_an_incomplete_destination_is_refused(folder: Path) -> None:
    """What a destination lacks is named, and nothing changes."""
    done = run_control(folder, "repoint", give={"kind": "https", "url": "https://x.example/"})
    assert (done.returncode, done.stderr) == (1, "not a destination of kind https; lacks token, ca\n")


def test_a_hold_waits_for_the_message_in_flight(folder: Path) -> None:
    """While somebody has the line, a hold has not ended; whoever comes later sees that it is held."""
    config = Config.read(folder)
    control(folder, "release")
    with config.line(1):
        hold = subprocess.Popen([sys.executable, CONTROL, folder, "hold"], stdout=subprocess.PIPE)
        with pytest.raises(subprocess.TimeoutExpired):
            hold.wait(timeout=1)
    said, _ = hold.communicate(timeout=10)
    assert json.loads(said)["mode"] == "held"


def test_a_line_that_stays_taken_is_told(folder: Path) -> None:
    """Waiting for the line ends with a sentence, not for ever."""
    config = Config.read(folder)
    with config.line(1), pytest.raises(ConnectorError, match="in flight"), config.line(0.05):
        pass


class Receiver:
    """A delivery that breaks off before or after it stored, as told."""

    at_once = 3

    def __init__(self, breaks: list[str]) -> None:
        self.breaks, self.stored = breaks, list[tuple[int, str]]()

    def send(
        self, messages: Sequence[Message], acknowledge: Callable[[int], None], give_up: Callable[[], bool]
    ) -> None:
        for message in messages:
            how = self.breaks.pop(0) if self.breaks else ""
            if how == "before":
                raise ConnectorError("broke off")
            if (message.sequence, message.id) not in self.stored:
                assert message.sequence == len(self.stored) + 1
                self.stored.append((message.sequence, message.id))
            if how == "after":
                raise ConnectorError("broke off")
            acknowledge(message.sequence)

    def close(self) -> None: ...


def test_breaks_before_and_after_storing_lose_and_double_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the message or its acknowledgement was lost, it arrives once and in order."""
    receiver = Receiver(["after", "before", "", "after", "before", "before", "", "after"])
    monkeypatch.setattr("examples.alpenblick.interfaces.connector.service.delivery_to", lambda *_: receiver)
    outbox = Outbox(folder)
    for n in range(8):
        outbox.accept({"n": n})
    outbox.set_mode("transmitting")
    sender = Sender(Config.read(folder), outbox, Event())
    while outbox.counts()["waiting"]:
        try:
            sender.step()
        except ConnectorError:
            continue
    assert [sequence for sequence, _ in receiver.stored] == list(range(1, 9))
    outbox.close()
