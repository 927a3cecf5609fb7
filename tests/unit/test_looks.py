"""What the engine's events say of a stack, read one by one."""

import json
from typing import Any

import pytest

from provisioning.looks import CHANGES, Look, _concluded, _read

URN = "urn:pulumi:birke-test::bascule::bascule:site:Site$bascule:local:{0}::birke-{1}"
DONE = {"summaryEvent": {"maybeCorrupt": False, "result": "succeeded"}}


def event(kind: str, type_: str, name: str, op: str, **more: Any) -> dict[str, Any]:
    """One event about one resource, as the engine writes it."""
    state = {"custom": True, "id": name, "inputs": {}, "outputs": {}}
    told = {"op": op, "urn": URN.format(type_, name), "type": f"bascule:local:{type_}"}
    return {kind: {"metadata": {**told, "old": state, "new": None if op == "delete" else state, **more}}}


def seen(*events: dict[str, Any], wanted: str = "resOutputsEvent", status: int = 0, said: str = "") -> Look:
    return _concluded(_read(map(json.dumps, events), wanted), status, said, "refresh")


def test_a_refresh_names_resource_and_property() -> None:
    """What differs is named by its path, what is gone by its resource, and what is as before is counted."""
    found = seen(
        event("resourcePreEvent", "Door", "door", "refresh"),
        event(
            "resOutputsEvent", "Door", "door", "update", detailedDiff={'files["bin/door"]': {}, "state": {}}
        ),
        event("resOutputsEvent", "DatabaseRole", "role", "delete"),
        event("resOutputsEvent", "Host", "host", "same"),
        DONE,
        status=CHANGES,
    )
    assert [(step.name, step.operation, step.properties) for step in found.steps] == [
        ("birke-door", "update", ('files["bin/door"]', "state")),
        ("birke-role", "delete", ()),
        ("birke-host", "same", ()),
    ]
    assert (found.faults, len(found.real), len(found.changed)) == ((), 3, 2)


def test_a_replacement_is_told_once() -> None:
    """The engine's three steps of a replacement are one, with what makes it necessary."""
    steps = ("create-replacement", "replace", "delete-replaced")
    found = seen(
        *(event("resourcePreEvent", "Host", "host", op, detailedDiff={"address": {}}) for op in steps),
        DONE,
        wanted="resourcePreEvent",
        status=CHANGES,
    )
    assert [(step.operation, step.properties) for step in found.steps] == [("replace", ("address",))]


@pytest.mark.parametrize(
    ("events", "status", "said", "fault"),
    [
        ([DONE], 255, "error: incorrect passphrase", "incorrect passphrase"),
        ([], 0, "", "ended with 0"),
        ([{"summaryEvent": {"result": "failed"}}], 0, "", "ended with 0"),
        (
            [
                {
                    "diagnosticEvent": {
                        "severity": "error",
                        "message": "no answer",
                        "urn": URN.format("Host", "host"),
                    }
                }
            ],
            255,
            "",
            "birke-host: no answer",
        ),
        ([{"errorEvent": {"error": "the disk is full"}}, DONE], 0, "", "the disk is full"),
        ([DONE], CHANGES, "", "events do not name it"),
        ([event("resourcePreEvent", "Host", "host", "refresh"), DONE], 0, "", "what became of birke-host"),
    ],
)
def test_what_could_not_be_looked_at_is_a_fault(
    events: list[dict[str, Any]], status: int, said: str, fault: str
) -> None:
    """An engine that fails, that is cut off, or that says more than its events, never says "as it was"."""
    (told,) = seen(*events, status=status, said=said).faults
    assert fault in told


def test_debugging_is_not_read() -> None:
    """The SDK writes what it registers into the events, secrets in clear: such a line is passed by."""
    line = '{"diagnosticEvent":{"severity":"debug","message":"props=hunter2"}}'
    assert _read([line, "{}"], "resOutputsEvent").errors == []


def test_a_stack_that_there_is_not_is_no_fault() -> None:
    """A tenant's stack that nobody made has nothing to compare."""
    found = seen(status=255, said="error: no stack named 'golf-prod' found")
    assert (found.is_there, found.faults) == (False, ())
