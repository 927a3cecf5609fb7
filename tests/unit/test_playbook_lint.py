"""What `fab playbook lint` finds, word for word, and the catalogue that is made from the same files."""

from pathlib import Path

import pytest

from migrate import catalogue, facts, playbook
from migrate.errors import PlaybookError
from migrate.journal import Journal
from migrate.playbook import When
from migrate.step import known_steps
from migrate.tasks import own_commands
from provisioning.manifest import Manifest
from tests.support.local_sites import manifest

CHECKOUT = Path(__file__).resolve().parents[2]

SOUND = """\
name: sixth
title: A process of somebody's own
phases:
  - name: look
    command: look
    title: Look
    summary: What is there.
    steps:
      - step: record-request
      - step: assess
      - step: write-offer
      - gate: confirm-offer
        title: The customer confirms
        document: offer.pdf
        signer: responsible
      - step: deploy-site
        with: {environment: test}
"""


def lint(tmp_path: Path, text: str) -> str:
    path = tmp_path / "sixth.yaml"
    path.write_text(text)
    try:
        playbook.read(path, known_steps(), reserved=own_commands())
    except PlaybookError as error:
        return str(error)
    return ""


def test_a_sound_playbook_has_no_fault(tmp_path: Path) -> None:
    """One that is made of known steps, its gate ahead of what it guards, passes."""
    assert lint(tmp_path, SOUND) == ""


def test_a_gate_behind_the_act_that_it_guards_is_found(tmp_path: Path) -> None:
    """A site that stands before the offer is signed was not waited for; another step may stand anywhere."""
    gate = SOUND[SOUND.index("      - gate") : SOUND.index("      - step: deploy-site")]
    late = SOUND.replace(gate, "") + gate
    assert lint(tmp_path, late) == (
        "sixth.yaml: 1 to correct, nothing was run\n"
        "  phases/0/steps/4 (line 14): gate confirm-offer stands after deploy-site:test, which it guards;"
        " move it before that\n"
        "Next: correct sixth.yaml and repeat the command"
    )


@pytest.mark.parametrize(
    ("phase", "said"),
    [
        (
            "needs: way-back\n    on_request: true",
            "phases/1/needs (line 22): phase back is unreachable:"
            " no phase has the step arm-way-back or open-door",
        ),
        (
            "needs: gone-live\n    on_request: true",
            "phases/1/needs (line 22): phase back is unreachable: no phase has the step open-door",
        ),
        (
            "reopens: look",
            "phases/1/reopens (line 22): phase back would begin the phases before it anew for ever,"
            " so the last phase is unreachable",
        ),
    ],
)
def test_a_phase_that_nothing_leads_to_is_found(tmp_path: Path, phase: str, said: str) -> None:
    """What it needs can never hold, or what stands before it never ends."""
    text = f"""{SOUND}  - name: back
    command: back
    title: Back
    summary: Back again.
    {phase}
    steps:
      - step: abandon-replication
"""
    assert f"\n  {said}\n" in lint(tmp_path, text)


def test_a_phase_behind_a_command_of_our_own_is_found(tmp_path: Path) -> None:
    """fab status is Bascule's: a phase of that command could not be begun by it."""
    said = lint(tmp_path, SOUND.replace("command: look", "command: status"))
    assert "phases/0/command (line 5): fab status is Bascule's own, so phase look is unreachable" in said


def test_a_phase_whose_steps_apply_to_nobody_is_found(tmp_path: Path) -> None:
    """With and without the same module is never."""
    text = f"""{SOUND}  - name: back
    command: back
    title: Back
    summary: Back again.
    steps:
      - step: list-training
        when: {{module: epdoc, without_module: epdoc}}
"""
    assert "phases/1 (line 18): phase back is unreachable: none of its steps can apply" in lint(
        tmp_path, text
    )


def test_an_entry_applies_where_its_fact_holds(tmp_path: Path) -> None:
    """The last record of a fact counts; recorded again as it was, it leaves no record."""
    journal, when = Journal(tmp_path / "journal.jsonl"), When(fact="customised")
    tenant = Manifest.model_validate(manifest("birke"))
    assert not when.holds(tenant, facts.holding(journal))
    for _ in range(2):
        facts.record(journal, "customised", holds=True)
    assert when.holds(tenant, facts.holding(journal))
    facts.record(journal, "customised", holds=False)
    assert not when.holds(tenant, facts.holding(journal))
    assert len(list(journal)) == 2


def test_every_playbook_of_ours_is_sound_and_the_catalogue_is_current() -> None:
    """Each passes the lint; docs/playbooks.md is what `fab playbook catalogue` would write now."""
    paths = playbook.files(None).values()
    every = [playbook.read(path, known_steps(), reserved=own_commands()) for path in paths]
    assert (CHECKOUT / "docs/playbooks.md").read_text() == catalogue.markdown(every, known_steps())
