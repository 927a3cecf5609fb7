"""A connector driven by its control command, over a connection that answers as given and refuses the rest."""

import json
from pathlib import Path
from typing import Any

import pytest
from invoke.context import MockContext
from invoke.runners import Result

from migrate.connector import Connector, destination_at
from migrate.errors import InterfaceError
from provisioning.manifest import Interface
from provisioning.site import SftpAccess
from tests.support.tiny_site import INTERFACE, VERIFIED, TinySite

PUSH = Interface(name="meds-push", kind="https", host="server", control="bin/meds-push")
DROP = Interface(
    name="labs-drop", kind="sftp", host="server", control="bin/labs-drop", public_key="ssh-ed25519 AAAA"
)


def status(**changed: Any) -> str:
    said = {
        "name": "meds-push",
        "kind": "https",
        "mode": "held",
        "destination": {"kind": "https", "url": "https://legacy.example/interfaces/meds-push/messages"},
        "accepted": 45,
        "delivered": 41,
        "waiting": 4,
        "last_sequence": 45,
    }
    return json.dumps({**said, **changed})


def connector(**answers: str | Result) -> tuple[Connector, Any]:
    """A connector whose control command knows only these verbs (``back`` is ``repoint --back``)."""
    verbs = {"back": "repoint --back"}
    context = MockContext(run={f"./bin/meds-push {verbs.get(v, v)}": answer for v, answer in answers.items()})
    return Connector(context, PUSH), context


def test_status_is_read_and_more_is_passed_over() -> None:
    """A connector may say more than the protocol asks."""
    one, _ = connector(status=status(vendor="ACME", uptime=3))
    assert (one.status().mode, one.status().waiting) == ("held", 4)


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"mode": "paused"}, "mode: Input should be 'transmitting' or 'held'"),
        ({"waiting": 3}, "delivered and waiting do not add up to accepted"),
        ({"last_sequence": 46}, "last_sequence is not accepted"),
        ({"accepted": -1}, "accepted: Input should be greater than or equal to 0"),
        ({"name": "other"}, "calls itself other (https)"),
    ],
)
def test_an_answer_that_breaks_the_protocol_is_refused(changed: dict[str, Any], fault: str) -> None:
    """No number is guessed from an answer that cannot be right; the message says what is wrong."""
    one, _ = connector(status=status(**changed))
    with pytest.raises(InterfaceError) as error:
        one.status()
    assert fault in str(error.value)
    assert "Next: on server: bin/meds-push status" in str(error.value)


def test_a_failing_command_tells_its_last_line() -> None:
    """What the control command said last on stderr reaches the person, with its exit status."""
    one, _ = connector(hold=Result(stderr="Traceback …\nthe outbox is locked", exited=4))
    with pytest.raises(InterfaceError, match=r"`\./bin/meds-push hold` ended with 4: the outbox is locked"):
        one.hold()


def test_a_hold_that_did_not_hold_is_no_hold() -> None:
    """A connector that answers `hold` and still transmits is an error, not a success."""
    one, _ = connector(hold=status(mode="transmitting"))
    with pytest.raises(InterfaceError, match="says that it is transmitting"):
        one.hold()


def test_secrets_go_by_stdin_only(tmp_path: Path) -> None:
    """A repoint hands URL, token and authority over on stdin; the command line holds none of them."""
    with TinySite(tmp_path) as tiny:
        site = tiny.outputs
        there = {"kind": "https", "url": f"{site.url}/interfaces/meds-push/messages"}
        one, context = connector(repoint=status(destination=there), probe='{"ok": true, "detail": "202"}')
        one.repoint(site)
        assert one.probe(site) == "202"
    repointed, probed = context.run.call_args_list
    assert (repointed.args, probed.args) == (("./bin/meds-push repoint",), ("./bin/meds-push probe",))
    given = json.loads(repointed.kwargs["in_stream"].getvalue())
    assert given == {**there, "token": INTERFACE, "ca": site.ca}
    assert json.loads(probed.kwargs["in_stream"].getvalue()) == {
        "path_prefix": "/.bascule/verify/",
        "token": VERIFIED,
    }


def test_stdin_is_read_in_one_piece(tmp_path: Path) -> None:
    """However few characters the reader asks for, it gets all: Invoke would take 10 ms for each."""
    with TinySite(tmp_path) as tiny:
        there = {"kind": "https", "url": f"{tiny.outputs.url}/interfaces/meds-push/messages"}
        one, context = connector(repoint=status(destination=there))
        one.repoint(tiny.outputs)
    stream = context.run.call_args.kwargs["in_stream"]
    assert json.loads(stream.read(1))["kind"] == "https"
    assert stream.read(1) == ""


def test_a_repoint_that_points_elsewhere_is_refused(tmp_path: Path) -> None:
    """The destination that the connector shows afterwards decides, not that it ended well."""
    with TinySite(tmp_path) as tiny:
        one, _ = connector(repoint=status())
        with pytest.raises(InterfaceError, match="its status shows another destination"):
            one.repoint(tiny.outputs)


def test_a_probe_that_did_not_arrive_is_an_error(tmp_path: Path) -> None:
    """`ok: false` is a failure, told with the connector's own words."""
    with TinySite(tmp_path) as tiny:
        one, _ = connector(probe='{"ok": false, "detail": "503 Service Unavailable"}')
        with pytest.raises(InterfaceError, match="a probe did not arrive: 503 Service Unavailable"):
            one.probe(tiny.outputs)


def test_a_receiver_that_cannot_be_asked_is_none() -> None:
    """A legacy system without a way to ask is no failure; nothing is made up instead."""
    one, _ = connector(received=Result(stderr="the receiver offers no state", exited=1))
    assert one.received() is None


def test_an_sftp_connector_gets_host_key_and_inbox(tmp_path: Path) -> None:
    """An SFTP connector is pointed at the way in for interfaces where a site has one, else at its host."""
    with TinySite(tmp_path) as tiny:
        assert destination_at(tiny.outputs, DROP) == {
            "kind": "sftp",
            "host": "127.0.0.1",
            "port": 2222,
            "user": "bascule",
            "known_hosts": "[127.0.0.1]:2222 ssh-ed25519 AAAA",
            "inbox": "inbox",
        }
        entrance = SftpAccess(
            host="inbox.example", port=22, user="site", known_hosts="inbox.example ssh-ed25519 B"
        )
        site = tiny.outputs.model_copy(update={"sftp": entrance})
        assert destination_at(site, DROP) == {"kind": "sftp", **entrance.model_dump(), "inbox": "inbox"}
