"""Does the site hold what legacy held at the freeze: compared by content, in this very attempt?"""

import pytest

from migrate.case import Case
from migrate.compare.verdict import Comparison
from migrate.freeze import Freeze
from provisioning.manifest import Manifest

pytestmark = [pytest.mark.during_move, pytest.mark.legacy]


def test_rows_agree(case: Case, manifest: Manifest, attempt: str) -> None:
    """Every row, sequence, large object and definition of every database was compared, and agrees."""
    found = case.read_evidence("comparison", Comparison)
    assert found.attempt == attempt
    assert {one.name for one in found.databases} == {one.name for one in manifest.legacy.databases}
    assert all(one.agrees for one in found.databases), found.summary


def test_files_agree(case: Case, manifest: Manifest, attempt: str) -> None:
    """Every file of every tree was compared by content, and agrees."""
    found = case.read_evidence("comparison", Comparison)
    assert found.attempt == attempt
    assert {one.name for one in found.trees} == {one.name for one in manifest.legacy.files}
    assert all(one.agrees for one in found.trees), found.summary


def test_comparison_is_of_this_freeze(case: Case, attempt: str) -> None:
    """The comparison began after legacy had stopped taking writes, in this attempt."""
    freeze = case.read_evidence("freeze", Freeze)
    assert freeze.attempt == attempt
    assert case.read_evidence("comparison", Comparison).started_at >= max(
        one.frozen_at for one in freeze.databases
    )
