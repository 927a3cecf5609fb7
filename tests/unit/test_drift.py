"""Drift, read out of what the engine says."""

from dataclasses import dataclass, field
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from migrate import drift
from provisioning.engine import Stack
from provisioning.errors import EngineError
from provisioning.workspace import Workspace

ENGINE = """\
Previewing update (alpenblick-prod):
  pulumi:pulumi:Stack: (same)
    [urn=urn:pulumi:alpenblick-prod::bascule::pulumi:pulumi:Stack::bascule-alpenblick-prod]
    ~ bascule:local:Door: (update)
        [id=door]
        [urn=urn:pulumi:alpenblick-prod::bascule::bascule:site:Site$bascule:local:Door::alpenblick-door]
      ~ state : "open" => "closed"
    + bascule:local:DatabaseRole: (create)
        [urn=urn:pulumi:alpenblick-prod::bascule::bascule:site:Site$bascule:local:DatabaseRole::care-app]
        host    : "/srv/host"
    ~ bascule:local:WebServer: (update)
        [id=127.0.0.9:8443]
        [urn=urn:pulumi:alpenblick-prod::bascule::bascule:site:Site$bascule:local:WebServer::web]
      ~ files: {
          ~ etc/nginx/nginx.conf: "0600:aa" => "0600:bb"
        }
  --outputs:--
  ~ door: {
      ~ state: "open" => "closed"
    }
Resources:
    + 1 to create
    ~ 2 to update
    3 changes. 21 unchanged
error: no changes were expected but changes were proposed
"""

REFRESHED = """\
Previewing update (birke-test):
~ pulumi:pulumi:Stack: (refresh)
    [urn=urn:pulumi:birke-test::bascule::pulumi:pulumi:Stack::bascule-birke-test]
        ~ bascule:local:Door: (refresh)
            [id=door]
            [urn=urn:pulumi:birke-test::bascule::bascule:site:Site$bascule:local:Door::birke-door]
            --outputs:--
          ~ state  : "closed" => "open"
        - bascule:local:DatabaseRole: (delete)
            [id=care_app]
            [urn=urn:pulumi:birke-test::bascule::bascule:site:Site$bascule:local:DatabaseRole::care-app]
  pulumi:pulumi:Stack: (same)
    [urn=urn:pulumi:birke-test::bascule::pulumi:pulumi:Stack::bascule-birke-test]
    ~ bascule:local:Door: (update)
        [id=door]
        [urn=urn:pulumi:birke-test::bascule::bascule:site:Site$bascule:local:Door::birke-door]
      ~ state: "open" => "closed"
Resources:
    ~ 1 to update
    24 unchanged
error: no changes were expected for preview but changes were proposed
"""
"""As engine 3.259 says it when it refreshes first."""

DOUBLE = """\
Previewing update (golf-prod), by the double of the engine, not the engine:
 ~  bascule:local:Door golf-door refresh [diff: ~state]
        [urn=urn:pulumi:golf-prod::bascule::bascule:site:Site$bascule:local:Door::golf-door]
      ~ state: "closed" => "open"
 ~  bascule:local:Door golf-door update [diff: ~state]
        [urn=urn:pulumi:golf-prod::bascule::bascule:site:Site$bascule:local:Door::golf-door]
      ~ state: "open" => "closed"
Resources:
    ~ 1 to update
    24 unchanged
error: no changes were expected but changes were proposed
"""


@dataclass(frozen=True)
class Said(Stack):
    """A stack whose engine says what it is given, whatever it is asked."""

    status: int = 0
    text: str = ""
    asked: list[str] = field(default_factory=list)

    def run(
        self, *words: str, check: bool = True, capture: bool = True, apart: bool = False
    ) -> CompletedProcess[str]:
        self.asked.append(words[0])
        return CompletedProcess(words, self.status, self.text, self.text if apart else None)


def stack(status: int, text: str) -> Said:
    return Said(Workspace(Path("/nowhere")), "golf-prod", status, text)


@pytest.mark.parametrize(
    ("said", "changes"),
    [
        (
            ENGINE,
            [
                "bascule:local:Door alpenblick-door (update): state",
                "bascule:local:DatabaseRole care-app (create)",
                "bascule:local:WebServer web (update): files, etc/nginx/nginx.conf",
            ],
        ),
        (
            REFRESHED,
            [
                "bascule:local:Door birke-door (update): state",
                "bascule:local:DatabaseRole care-app (delete)",
            ],
        ),
        (DOUBLE, ["bascule:local:Door golf-door (update): state"]),
    ],
)
def test_drift_names_resource_and_property(said: str, changes: list[str]) -> None:
    """Each resource that differs is named once, with the properties in which it differs, and no value."""
    found = drift.look(stack(255, said))
    assert [str(change) for change in found.changes] == changes


def test_no_drift_is_what_the_engine_says() -> None:
    """Only an engine that ends well says that there is no drift."""
    assert drift.look(stack(0, "Resources:\n    24 unchanged\n")).changes == ()


def test_an_engine_that_fails_is_not_no_drift() -> None:
    """An engine that could not look is an error, which is neither drift nor its absence."""
    with pytest.raises(EngineError, match=r"(?s)could not be compared.*passphrase.*not known"):
        drift.look(stack(255, "error: incorrect passphrase"))


def test_drift_in_words_not_understood_is_still_drift() -> None:
    """What the engine says in a way that nobody foresaw counts, shown as it is."""
    found = drift.look(
        stack(255, "something odd\nerror: no changes were expected but changes were proposed\n")
    )
    assert [change.type for change in found.changes] == ["unknown"]


def test_a_stack_that_does_not_exist_is_not_stood_up() -> None:
    """A tenant's stack that nobody made is passed over; one that cannot be read is not."""
    assert drift.is_stood_up(stack(255, "error: no stack named 'golf-prod' found")) is False
    assert drift.is_stood_up(stack(0, "{}")) is False
    assert drift.is_stood_up(stack(0, '{"url": "https://x"}')) is True
    with pytest.raises(EngineError):
        drift.is_stood_up(stack(255, "error: incorrect passphrase"))
