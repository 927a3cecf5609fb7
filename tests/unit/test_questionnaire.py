"""The mapping meeting's form: it fills the manifest, or nothing of it."""

from pathlib import Path

import pytest
import yaml

from migrate import questionnaire
from migrate.case import Case
from migrate.errors import Waiting
from provisioning.errors import ManifestError
from provisioning.workspace import Workspace

STACKS = Path(__file__).parents[2] / "examples" / "fjordvik" / "stacks"
ANSWERS = {"needs": "Arkiv", "why": "Ro", "resources": "Én"}


@pytest.fixture
def case(tmp_path: Path) -> Case:
    """The demo's workspace, with the form as it is written."""
    (tmp_path / "stacks").mkdir()
    for name in ("fjordvik.yaml", "questions.yaml"):
        (tmp_path / "stacks" / name).write_bytes((STACKS / name).read_bytes())
    case = Case.of(Workspace(tmp_path), "fjordvik")
    questionnaire.write_form(case, questionnaire.load_questions(case.workspace))
    return case


def answer(case: Case, **more: object) -> questionnaire.Mapping:
    path = questionnaire.form_file(case)
    read = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**read, **ANSWERS, **more}))
    return questionnaire.answered(case, questionnaire.load_questions(case.workspace))


def test_the_form_asks_in_the_tenants_language_and_knows_what_is_known(case: Case) -> None:
    """Norwegian questions, filled with what the manifest says; written again, it stays as it is."""
    text = questionnaire.form_file(case).read_text()
    assert "# 2. Hvorfor ønsker dere skydrift?\nwhy:\n" in text
    assert 'opens_at: "2027-03-09T17:00:00+01:00"' in text
    with pytest.raises(Waiting, match="3 questions are open: needs, why, resources"):
        questionnaire.answered(case, questionnaire.load_questions(case.workspace))


def test_answers_fill_the_manifest_and_leave_its_comments(case: Case) -> None:
    """What was answered stands in the manifest; what was known already changes nothing."""
    path = case.workspace.stacks / "fjordvik.yaml"
    assert questionnaire.fill(case, answer(case)) == []
    mapping = answer(case, opens_at="2027-04-06T17:00:00+02:00", closes_at="2027-04-07T14:00:00+02:00")
    assert questionnaire.fill(case, mapping) == ["window.opens_at", "window.closes_at"]
    text = path.read_text()
    assert "# The demo tenant of the Skydrift playbook" in text
    assert "# as long as the mapping meeting has not said another" in text
    now = Case.of(case.workspace, "fjordvik")
    assert f"{now.manifest.window.opens_at:%F}" == "2027-04-06"
    assert questionnaire.unfilled(now, mapping) == []
    assert questionnaire.fill(now, mapping) == []


def test_an_answer_that_the_manifest_does_not_take_changes_nothing(case: Case) -> None:
    """A window that closes before it opens, and a day that is none: told by place, nothing written."""
    path = case.workspace.stacks / "fjordvik.yaml"
    before = path.read_bytes()
    with pytest.raises(ManifestError, match="closes_at is not after opens_at"):
        questionnaire.fill(case, answer(case, closes_at="2027-03-01T14:00:00+01:00"))
    with pytest.raises(ManifestError, match=r"operations/hours/days/1: 'sometimes'"):
        questionnaire.fill(case, answer(case, working_days=["mon", "sometimes"]))
    with pytest.raises(ManifestError, match="more_advice: 'perhaps' is not true or false"):
        answer(case, more_advice="perhaps")
    assert path.read_bytes() == before
