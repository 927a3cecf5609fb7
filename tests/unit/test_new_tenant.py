"""A new tenant's first files."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.errors import Refused
from migrate.new_tenant import Answers, wished_window, write_tenant
from provisioning.manifest_file import load_manifest
from provisioning.manifest_schema import SCHEMA_FILE, schema_text
from provisioning.workspace import Workspace
from tests.support.clock import SUMMER_NOON

ANSWERS = Answers(
    tenant="bellevue",
    display_name='Résidence "Bellevue": 1er étage # not a comment',
    site_name="bellevue.care.example",
    responsible_name="Zoé O'Neill",
    responsible_email="zoe@bellevue.example",
    technical_name="Urs Frei",
    technical_email="urs@bellevue.example",
)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "Pulumi.yaml").write_text("name: bascule\nruntime: python\n")
    return Workspace(tmp_path)


def test_what_is_written_is_a_sound_manifest(workspace: Workspace) -> None:
    """The new manifest passes the check, whatever quotes and colons the answers hold."""
    written = write_tenant(workspace, ANSWERS, SUMMER_NOON)
    manifest = load_manifest(workspace, "bellevue")
    assert manifest.display_name == ANSWERS.display_name
    assert manifest.contacts.responsible.name == "Zoé O'Neill"
    assert [path.name for path in written] == [
        "bellevue.yaml",
        "Pulumi.bellevue-test.yaml",
        "Pulumi.bellevue-prod.yaml",
    ]
    assert (workspace.stacks / SCHEMA_FILE).read_text() == schema_text()


def test_nothing_is_ever_overwritten(workspace: Workspace) -> None:
    """A second tenant of the same name is refused, and the first one's file stays as it was."""
    manifest = write_tenant(workspace, ANSWERS, SUMMER_NOON)[0]
    before = manifest.read_bytes()
    with pytest.raises(Refused) as refused:
        write_tenant(workspace, replace(ANSWERS, display_name="Other"), SUMMER_NOON)
    assert "already holds bellevue.yaml, Pulumi.bellevue-test.yaml" in str(refused.value)
    assert manifest.read_bytes() == before


def test_faulty_answers_are_told_all_at_once_and_nothing_is_written(workspace: Workspace) -> None:
    """A wrong name, a wrong address and a zone that nobody knows are told together."""
    wrong = {"site_name": "no host", "responsible_email": "zoe", "time_zone": "Mars/Olympus"}
    with pytest.raises(Refused) as refused:
        write_tenant(workspace, replace(ANSWERS, tenant="../b", **wrong), SUMMER_NOON)
    assert "contacts/responsible/email: value is not a valid email address" in str(refused.value)
    assert "window/time_zone: " in str(refused.value)
    assert "tenant: has '.', '/'" in str(refused.value)
    assert "site_name: not a host name" in str(refused.value)
    assert not workspace.stacks.exists()


@given(st.datetimes(datetime(2026, 1, 1), datetime(2040, 1, 1)))  # noqa: DTZ001 - hypothesis wants naive bounds
def test_the_wished_window_is_a_tuesday_at_five_local_time(naive: datetime) -> None:
    """Whatever the day, also across a change to summer time: Tuesday 17:00 to Wednesday 17:00."""
    opens_at, closes_at = wished_window(naive.replace(tzinfo=UTC), "Europe/Zurich")
    assert (opens_at.weekday(), opens_at.hour, closes_at.weekday(), closes_at.hour) == (1, 17, 2, 17)
    assert opens_at.tzinfo == ZoneInfo("Europe/Zurich")
    assert 8 <= (opens_at.date() - naive.date()).days <= 15


def test_the_schema_in_the_repository_is_current() -> None:
    """Editors check against the same rules as `fab check`."""
    path = Path(__file__).parents[2] / "stacks" / SCHEMA_FILE
    assert path.read_text() == schema_text(), "run: fab schema"
