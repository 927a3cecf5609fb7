"""Customisations carried to a new version, and decided on by a person."""

import hashlib
from pathlib import Path

import pytest
import yaml

from migrate.case import Case, write_whole
from migrate.errors import EvidenceError, Waiting
from migrate.product import decisions, merging
from migrate.product.baseline import Baseline, write_baseline
from migrate.product.baseline import load_baseline as load
from migrate.product.customisations import Customisation, Customisations, text
from migrate.product.description import Product, ProductError, load_product
from migrate.product.merging import Merges
from migrate.product.objects import Object
from tests.support.local_sites import local_workspace
from tests.support.product import product_folder

OLD = b"a\nb\nc\nd\ne\n"
CUSTOMER = b"a\nB\nc\nd\ne\n"


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case.of(local_workspace(tmp_path, "birke"), "birke")


def baselines(tmp_path: Path, old: bytes | None, new: bytes | None) -> tuple[Baseline, Baseline]:
    folder = product_folder(tmp_path / "product")
    product: Product = load_product(folder)
    other = Object("report", "other", b"x")
    for version, content in (("5", old), ("7", new)):
        mine = [Object("function", "f()", content)] if content is not None else []
        write_baseline(product, folder, version, [other, *mine])
    return load(product, folder, "5"), load(product, folder, "7")


def customised(case: Case, content: bytes | None = CUSTOMER, change: str = "changed") -> Customisation:
    sha256 = hashlib.sha256(content).hexdigest() if content is not None else ""
    if content is not None:
        write_whole(case.folder / "customisations" / "found" / sha256, content)
    return Customisation.model_validate(
        {"kind": "function", "name": "f()", "change": change, "sha256": sha256, "lines": 5}
    )


@pytest.mark.parametrize(
    ("old", "new", "outcome", "result"),
    [
        (OLD, OLD, "as it is", CUSTOMER),
        (OLD, b"a\nb\nc\nd\nE\n", "merged", b"a\nB\nc\nd\nE\n"),
        (OLD, b"a\nX\nc\nd\ne\n", "conflict", None),
        (OLD, None, "conflict", CUSTOMER),
        (None, None, "as it is", CUSTOMER),
        (None, b"a\n", "conflict", None),
        (OLD, CUSTOMER, "delivered now", b""),
    ],
)
def test_three_texts_are_merged_or_told_as_a_conflict(
    tmp_path: Path, case: Case, old: bytes | None, new: bytes | None, outcome: str, result: bytes | None
) -> None:
    """What changed at different places is merged; what changed at one place, or is gone, is for a person."""
    before, after = baselines(tmp_path, old, new)
    merged = merging.merge(case, customised(case), before, after)
    assert merged.outcome == outcome
    if result:
        assert merging.result(case, merged) == result
    if outcome == "conflict" and result is None:
        assert not merging.is_resolved(merging.result(case, merged))


def test_what_the_case_holds_is_what_was_found(case: Case) -> None:
    """A text that was changed in the case after it was found is refused, not merged."""
    one = customised(case)
    (case.folder / "customisations" / "found" / one.sha256).write_bytes(b"other\n")
    with pytest.raises(EvidenceError, match=r"the text of function f\(\) is missing .* or was changed"):
        text(case, one)


def test_a_baseline_that_was_tampered_with_is_refused(tmp_path: Path) -> None:
    """The text of an object must have the digest that its manifest names."""
    before, _ = baselines(tmp_path, OLD, OLD)
    (before.folder / "objects" / hashlib.sha256(OLD).hexdigest()).write_bytes(b"other\n")
    with pytest.raises(ProductError, match=r"the text of function f\(\) is missing, or is not the one"):
        before.text("function f()")


def test_nothing_is_decided_for_anybody(tmp_path: Path, case: Case) -> None:
    """No decision, a conflict nobody resolved, markers left in, no test: each is named until it is mended."""
    before, after = baselines(tmp_path, OLD, b"a\nX\nc\nd\ne\n")
    one = customised(case)
    found = Customisations(product="atelier", version="5", compared=2, found=(one,))
    merges = Merges(from_version="5", to_version="7", merges=(merging.merge(case, one, before, after),))
    form = decisions.write_form(case, found)

    def lacking(**said: object) -> str:
        form.write_text(yaml.safe_dump({"customisations": [{"id": one.id, **said}]}))
        with pytest.raises(Waiting) as waiting:
            decisions.decided(case, found, merges)
        return str(waiting.value)

    assert "function f(): keep, replace or drop, and by whom" in lacking()
    kept = {"decision": "keep", "by": "chef@birke.example"}
    assert "conflict, both sides changed the same place; resolve" in lacking(**kept)
    assert "test: shows that it works" in lacking(**kept)
    resolved = case.workspace.root / "f.sql"
    resolved.write_bytes(merging.result(case, merges.merges[0]))
    assert "f.sql still has the markers of a conflict" in lacking(**kept, text="f.sql")
    assert "text: names what it is replaced by" in lacking(decision="replace", by="chef@birke.example")

    resolved.write_bytes(b"a\nBX\nc\nd\ne\n")
    whole = {"id": one.id, **kept, "text": "f.sql", "test": {"sql": "SELECT true"}}
    form.write_text(yaml.safe_dump({"customisations": [whole]}))
    ((_, decision, content),) = decisions.decided(case, found, merges)
    assert (decision.decision, content) == ("keep", b"a\nBX\nc\nd\ne\n")
    # Written again, the form keeps what was decided.
    before_it = form.read_text()
    decisions.write_form(case, found)
    assert form.read_text() == before_it
