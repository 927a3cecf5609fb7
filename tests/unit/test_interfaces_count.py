"""Holding, converting and counting: all or none, and no message that is not accounted for."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from invoke.context import MockContext
from invoke.runners import Result

from migrate import interfaces
from migrate.connector import Connector, Received, Status, Where
from migrate.errors import InterfaceError
from migrate.interfaces import Count, InterfaceCount, Interfaces, reconcile
from provisioning.manifest import Interface
from tests.support.tiny_site import TinySite


def status(delivered: int, waiting: int = 0, *, name: str = "one", mode: str = "held", url: str = "") -> str:
    accepted = delivered + waiting
    return json.dumps(
        {
            "name": name,
            "kind": "https",
            "mode": mode,
            "destination": {"kind": "https", "url": url or "https://legacy.example/"},
            "accepted": accepted,
            "delivered": delivered,
            "waiting": waiting,
            "last_sequence": accepted,
        }
    )


def received(count: int, last: int | None = None) -> str:
    return json.dumps({"received": count, "last_sequence": count if last is None else last})


def connector(name: str, **answers: Any) -> tuple[Connector, Any]:
    verbs = {"back": "repoint --back"}
    # Each answer once and in order, so that one call too many fails the test.
    listed = {
        f"./bin/{name} {verbs.get(v, v)}": answer if isinstance(answer, list) else [answer]
        for v, answer in answers.items()
    }
    context = MockContext(run=listed, repeat=False)
    return Connector(
        context, Interface(name=name, kind="https", host="server", control=f"bin/{name}")
    ), context


def counted(name: str = "one", delivered: int = 41) -> InterfaceCount:
    return InterfaceCount(name=name, kind="https", at_hold=Count.of(parsed(delivered)))


def parsed(delivered: int, waiting: int = 0) -> Status:
    return Status.model_validate_json(status(delivered, waiting))


def words(context: Any) -> list[str]:
    return [call.args[0].partition(" ")[2] for call in context.run.call_args_list]


def test_all_are_held_and_legacy_is_waited_for() -> None:
    """A hold is over once the legacy system has stored all that was delivered."""
    one, _ = connector("one", hold=[status(41, 2)] * 2, received=[received(40), received(41)])
    held = interfaces.hold_all([one])
    assert [(c.at_hold.delivered, c.at_hold.waiting, c.legacy_had) for c in held] == [
        (41, 2, Received(received=41, last_sequence=41))
    ]


def test_one_that_cannot_be_held_releases_the_others() -> None:
    """If one cannot be held, those that were are released again; itself too, for its hold may have worked."""
    one, first = connector("one", hold=status(1), release=status(1, mode="transmitting"))
    two, second = connector(
        "two",
        hold=Result(stderr="no room left", exited=1),
        release=status(1, name="two", mode="transmitting"),
    )
    three, third = connector("three")
    with pytest.raises(InterfaceError) as error:
        interfaces.hold_all([one, two, three])
    assert (words(first), words(second), words(third)) == (["hold", "release"], ["hold", "release"], [])
    assert str(error.value) == (
        "interface two on server: `./bin/two hold` ended with 1: no room left\n"
        "All interfaces transmit again. Nothing else was touched.\n"
        "Next: on server: bin/two status"
    )


def test_one_that_cannot_be_released_is_named() -> None:
    """After a failed hold the message names what is still held, so that somebody releases it by hand."""
    one, _ = connector("one", hold=status(1), release=Result(exited=9))
    two, _ = connector("two", hold=Result(exited=1), release=status(0, name="two", mode="transmitting"))
    with pytest.raises(InterfaceError) as error:
        interfaces.hold_all([one, two])
    assert error.value.state == "Still held: one. Nothing else was touched."


def test_legacy_that_does_not_store_stops_the_move(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was delivered and never stored would be lost by the freeze: the hold fails and releases."""
    monkeypatch.setattr(interfaces, "SETTLE_SECONDS", 0.0)
    one, context = connector(
        "one", hold=[status(41)] * 2, received=received(40), release=status(41, mode="transmitting")
    )
    with pytest.raises(InterfaceError, match="41 messages were delivered, yet legacy has stored 40"):
        interfaces.hold_all([one])
    assert words(context)[-1] == "release"


def test_release_tries_every_one() -> None:
    """One interface that cannot be released keeps no other one held."""
    one, _ = connector("one", release=Result(exited=1))
    two, second = connector("two", release=status(1, name="two", mode="transmitting"))
    with pytest.raises(InterfaceError, match="could not be released: one"):
        interfaces.release_all([one, two])
    assert words(second) == ["release"]


def test_convert_repoints_probes_and_checks_the_count(tmp_path: Path) -> None:
    """A conversion ends with a probe that arrived and a site that has all that legacy had."""
    with TinySite(tmp_path) as tiny:
        tiny.stored = {"received": 41, "last_sequence": 41}
        there = f"{tiny.outputs.url}/interfaces/one/messages"
        one, _ = connector(
            "one",
            status=status(41, 3),
            repoint=status(41, 3, url=there),
            probe='{"ok": true, "detail": "202"}',
        )
        done = interfaces.convert(one, tiny.outputs, counted())
    assert (done.probe, done.site_had) == ("202", Received(received=41, last_sequence=41))


def test_one_that_cannot_be_converted_keeps_no_other_back(tmp_path: Path) -> None:
    """Every interface is converted, side by side, before the first failure is told."""
    with TinySite(tmp_path) as tiny:
        tiny.stored = {"received": 41, "last_sequence": 41}
        there = f"{tiny.outputs.url}/interfaces/two/messages"
        one, first = connector("one", status=status(41, mode="transmitting"))
        two, second = connector(
            "two",
            status=status(41, name="two"),
            repoint=status(41, name="two", url=there),
            probe='{"ok": true, "detail": "202"}',
        )
        so_far = Interfaces(attempt="realisation-1", direction="site", interfaces=(counted(), counted("two")))
        with pytest.raises(InterfaceError, match="interface one transmits, although it was held"):
            interfaces.convert_all([one, two], tiny.outputs, so_far)
    assert (words(first), words(second)) == (["status"], ["status", "repoint", "probe"])


def test_convert_refuses_a_site_that_lacks_messages(tmp_path: Path) -> None:
    """A site that would go on after fewer messages than legacy took would lose those between."""
    with TinySite(tmp_path) as tiny:
        tiny.stored = {"received": 40, "last_sequence": 40}
        there = f"{tiny.outputs.url}/interfaces/one/messages"
        one, _ = connector(
            "one", status=status(41), repoint=status(41, url=there), probe='{"ok": true, "detail": "202"}'
        )
        with pytest.raises(
            InterfaceError, match="41 messages were delivered to legacy, yet the site goes on after 40"
        ):
            interfaces.convert(one, tiny.outputs, counted())


def test_convert_refuses_one_that_was_released(tmp_path: Path) -> None:
    """An interface that somebody released meanwhile is not repointed: it has sent to a frozen system."""
    with TinySite(tmp_path) as tiny:
        one, context = connector("one", status=status(41, mode="transmitting"))
        with pytest.raises(InterfaceError, match="transmits, although it was held"):
            interfaces.convert(one, tiny.outputs, counted())
    assert words(context) == ["status"]


def test_nothing_is_released_towards_another_place(tmp_path: Path) -> None:
    """Before the release each must point at this very site; one that does not goes on buffering."""
    with TinySite(tmp_path) as tiny:
        one, context = connector("one", status=status(41, 3))
        with pytest.raises(InterfaceError, match="does not point at https://127"):
            interfaces.count_before_release(one, tiny.outputs, counted())
    assert words(context) == ["status"]


def test_a_count_of_before_the_release_stays_after_a_crash(tmp_path: Path) -> None:
    """What waited at the release is kept when the step is repeated with the interface at work again."""
    with TinySite(tmp_path) as tiny:
        there = f"{tiny.outputs.url}/interfaces/one/messages"
        one, _ = connector(
            "one", status=[status(41, 3, url=there), status(44, 0, url=there, mode="transmitting")]
        )
        before = interfaces.count_before_release(one, tiny.outputs, counted())
        assert interfaces.count_before_release(one, tiny.outputs, before) == before
    assert before.at_release
    assert before.at_release.waiting == 3


def test_account_waits_for_the_buffer_and_for_the_site(tmp_path: Path) -> None:
    """The count is taken after the buffer is empty and the site has stored what was delivered."""
    with TinySite(tmp_path) as tiny:
        tiny.stored = {"received": 45, "last_sequence": 45}
        one, _ = connector("one", status=[status(41, 4), status(43, 2), status(45), status(46)])
        done = interfaces.account(one, counted(), tiny.outputs)
    assert done.after_drain
    assert (done.after_drain.delivered, done.lost, done.duplicates, done.in_order) == (45, 0, 0, True)


def test_account_at_legacy_after_a_fallback() -> None:
    """After a fallback it is the legacy system whose count is compared."""
    one, _ = connector("one", status=[status(45), status(45)], received=received(45))
    done = interfaces.account(one, counted(), None)
    assert (done.lost, done.duplicates, done.in_order) == (0, 0, True)


def test_a_receiver_that_cannot_be_asked_gives_no_numbers() -> None:
    """Where nobody can tell, the numbers are missing rather than zero."""
    one, _ = connector("one", status=[status(45), status(45)], received=Result(exited=1))
    done = interfaces.account(one, counted(), None)
    assert (done.lost, done.duplicates, done.in_order) == (None, None, None)


def reconciled(sent: int, flowing: int, stored: list[int]) -> tuple[int, int, bool]:
    """Count a receiver that has `stored`, while `flowing` more messages are on their way."""
    found = Received(received=len(stored), last_sequence=max(stored, default=0))
    return reconcile(parsed(sent, flowing), found, parsed(sent + flowing))


@given(sent=st.integers(0, 50), flowing=st.integers(0, 5), data=st.data())
def test_a_faultless_receiver_counts_clean_while_messages_flow(
    sent: int, flowing: int, data: st.DataObject
) -> None:
    """Messages that arrive between the two readings of the connector are neither lost nor twice."""
    arrived = data.draw(st.integers(sent, sent + flowing))
    assert reconciled(sent, flowing, list(range(1, arrived + 1))) == (0, 0, True)


@given(sent=st.integers(1, 50), flowing=st.integers(0, 5), data=st.data())
def test_every_lost_message_is_counted(sent: int, flowing: int, data: st.DataObject) -> None:
    """Whichever delivered messages the receiving side lacks, all of them are counted as lost."""
    dropped = data.draw(st.sets(st.integers(1, sent), min_size=1))
    lost, doubles, _ = reconciled(sent, 0, [n for n in range(1, sent + 1) if n not in dropped])
    assert (lost, doubles) == (len(dropped), 0)
    lost, _, _ = reconciled(sent, flowing, [n for n in range(1, sent + flowing + 1) if n not in dropped])
    assert lost >= 1 or flowing >= len(dropped)


@given(sent=st.integers(1, 50), data=st.data())
def test_every_doubled_message_is_counted(sent: int, data: st.DataObject) -> None:
    """Whichever messages the receiving side stored twice, all of them are counted as doubles."""
    doubled = data.draw(st.sets(st.integers(1, sent), min_size=1))
    stored = [*range(1, sent + 1), *doubled]
    assert reconciled(sent, 0, stored) == (0, len(doubled), False)


def test_a_message_that_was_never_sent_is_told() -> None:
    """More on the receiving side than was ever accepted means a second sender: that is no clean count."""
    assert reconcile(parsed(5), Received(received=7, last_sequence=7), parsed(6)) == (0, 1, False)


def test_where_needs_no_secret() -> None:
    """What is kept of a destination has no place for a token."""
    assert set(Where.model_fields) == {"kind", "url", "host", "port"}
