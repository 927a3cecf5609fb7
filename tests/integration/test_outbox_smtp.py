"""The outbox against a real mail server on loopback: each message once, wherever the sender dies."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiosmtpd.controller import Controller

from migrate import smtp
from migrate.case import Case
from migrate.errors import Refused
from migrate.outbox import NotTaken, Outbox, OutboxError
from provisioning.workspace import Workspace
from tests.support import quoting
from tests.support.private_hosts import free_port

REPOSITORY = Path(__file__).parents[2]


class Post:
    """A mail server's mind: keeps what it takes; may refuse, or keep whoever hands over waiting."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.refuses = self.drops = False
        self.has_it = threading.Event()
        self.answers = threading.Event()
        self.answers.set()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's word
        if self.refuses:
            return "451 try again later"
        self.taken.append(envelope.content)
        self.has_it.set()
        if self.drops:
            server.transport.abort()
        # In a thread of its own: the test goes on meanwhile.
        self.answers.wait(60)
        return "250 OK"


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
def case(tmp_path: Path, post: Post) -> Iterator[Case]:
    """A tenant whose workspace names a mail server that listens."""
    (tmp_path / "stacks").mkdir()
    (tmp_path / "Pulumi.yaml").write_text("name: outbox\n")
    manifest = quoting.manifest()
    (tmp_path / "stacks" / "alpenblick.yaml").write_text(yaml.safe_dump(manifest.model_dump(mode="json")))
    port = free_port("127.0.0.1")
    controller = Controller(post, hostname="127.0.0.1", port=port)
    controller.start()
    settings = {"host": "127.0.0.1", "port": port, "sender": "post@vendor.example", "starttls": False}
    (tmp_path / "stacks" / "mail.yaml").write_text(yaml.safe_dump(settings))
    yield Case(Workspace(tmp_path), manifest)
    post.answers.set()
    controller.stop()


def put(case: Case, key: str) -> str:
    return Outbox(case).put(
        key, to=["anna@alpenblick.example"], subject="Umzug", text="Grüezi\n", attached={"plan.ics": b"BEGIN"}
    )


def send(case: Case) -> list[str]:
    settings = smtp.load_settings(case.workspace)
    with smtp.connected(case.workspace, settings) as server:
        return Outbox(case).send(server, str(settings.sender))


def test_a_message_is_sent_once(case: Case, post: Post) -> None:
    """Put twice it is written once, and sent twice it is handed over once, whole and with one identity."""
    ident = put(case, "plan")
    assert put(case, "plan") == ident
    assert send(case) == [ident]
    assert send(case) == []
    assert put(case, "plan") == ident  # a step that is repeated later sends it no second time
    assert send(case) == []

    (content,) = post.taken
    message = message_from_bytes(content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    assert (message["To"], message["Message-ID"]) == (
        "anna@alpenblick.example",
        f"<{ident}@alpenblick.care.example>",
    )
    body = message.get_body()
    assert body is not None
    assert body.get_content().strip() == "Grüezi"
    assert [part.get_filename() for part in message.iter_attachments()] == ["plan.ics"]


def test_what_a_server_refuses_waits(case: Case, post: Post) -> None:
    """A refusal loses nothing: the message waits, and goes out once the server takes it."""
    ident, post.refuses = put(case, "plan"), True
    with pytest.raises(NotTaken, match="451 try again later"):
        send(case)
    assert Outbox(case).of("ready") == [ident]
    post.refuses = False
    assert send(case) == [ident]
    assert len(post.taken) == 1


def test_killed_before_the_answer_it_is_not_sent_again(case: Case, post: Post) -> None:
    """kill -9 while the server has it and has not answered: in doubt, until a person has asked."""
    doubtful = put(case, "plan")
    post.answers.clear()
    words = [sys.executable, "-m", "tests.support.sending", str(case.workspace.root), "alpenblick"]
    with subprocess.Popen(words, cwd=REPOSITORY) as process:
        assert post.has_it.wait(60)
        process.send_signal(signal.SIGKILL)
    post.answers.set()

    box = Outbox(case)
    assert box.of("handing") == [doubtful]
    other = put(case, "other")
    assert send(case) == [other]
    assert len(post.taken) == 2

    box.decide(doubtful, arrived=True)
    assert (send(case), box.of("sent")) == ([], sorted([doubtful, other]))
    with pytest.raises(Refused, match="no doubt"):
        box.decide(doubtful, arrived=False)


def test_a_server_that_goes_before_its_answer_leaves_doubt(case: Case, post: Post) -> None:
    """A connection that breaks behind the last byte is no refusal; asked, the person has it sent again."""
    ident, post.drops = put(case, "plan"), True
    with pytest.raises(OutboxError) as broke:
        send(case)
    assert not isinstance(broke.value, NotTaken)
    assert Outbox(case).of("handing") == [ident]
    post.drops = False
    Outbox(case).decide(ident, arrived=False)
    assert send(case) == [ident]


def test_killed_before_it_is_handed_over_it_goes_out(case: Case, post: Post) -> None:
    """A process that dies having written a message, and before any server knew, loses nothing."""
    words = (
        "import sys, os, signal; from tests.integration.test_outbox_smtp import *\n"
        "put(Case.of(Workspace(Path(sys.argv[1])), 'alpenblick'), 'plan')\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run(
        [sys.executable, "-c", words, str(case.workspace.root)], cwd=REPOSITORY, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert len(send(case)) == 1
    assert len(post.taken) == 1
