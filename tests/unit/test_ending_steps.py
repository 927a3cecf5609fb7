"""What finalize does to the sites of a playbook that never stood a test site up."""

from pathlib import Path
from unittest.mock import create_autospec

import pytest

from migrate.case import Case
from migrate.step import StepContext
from migrate.steps import ending
from provisioning.engine import Stack
from provisioning.manifest import Manifest
from provisioning.workspace import Workspace
from tests.support.moves import Told
from tests.support.tenants import firm_manifest


def test_only_sites_that_were_deployed_lose_their_mover(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stack that the playbook never made is not asked for."""
    case = Case(Workspace(tmp_path), Manifest.model_validate(firm_manifest()))
    case.journal.append("evidence", "site-prod", sha256="0" * 64)
    asked: list[str] = []

    def stack(_: Workspace, name: str) -> Stack:
        asked.append(name)
        found: Stack = create_autospec(Stack, instance=True)
        found.matches_its_program.return_value = (True, "")  # type: ignore[attr-defined] # a double
        object.__setattr__(found, "name", name)
        return found

    monkeypatch.setattr(ending, "Stack", stack)
    ctx = StepContext(case, create_autospec(object), Told(), "finalize-1")

    assert ending.retire_mover(ctx) == {"match_their_programs": ["cabinet-prod"]}
    assert asked == ["cabinet-prod"]
