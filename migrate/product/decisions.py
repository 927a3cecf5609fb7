"""
The form on which a person decides on each customisation: ``stacks/<tenant>.customisations.yaml``.

    customisations:
      - id: function erp.prix_vente(integer)
        decision: keep                       # keep, replace or drop
        by: chef@atelier.example
        text: decided/prix_vente.sql         # where it was replaced, or a conflict was resolved
        test: {sql: "SELECT erp.prix_vente(1) = 12.50"}

Promise: nothing is decided for anybody: a customisation without a decision, a conflict that nobody resolved
and one that is kept without an acceptance test are each named, all at once.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Self

import yaml
from pydantic import EmailStr, Field, model_validator

from migrate.case import Case, write_whole
from migrate.errors import Waiting
from migrate.product import merging
from migrate.product.baseline import Baseline
from migrate.product.customisations import Customisation, Customisations
from migrate.product.merging import Merged, Merges
from provisioning.manifest import RelativePath
from provisioning.model import Model
from provisioning.model_file import load_model


class AcceptanceTest(Model):
    """What shows that it works: a query that gives true, or a script on the site's host that ends with 0."""

    sql: str | None = None
    command: str | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if (self.sql is None) == (self.command is None):
            raise ValueError("must have either sql or command")
        return self


class Decision(Model):
    """What becomes of one customisation."""

    id: str
    decision: Literal["keep", "replace", "drop"] | None = None
    by: EmailStr | None = None
    text: RelativePath | None = Field(default=None, description="Relative to the workspace.")
    test: AcceptanceTest | None = None


class Form(Model):
    """``stacks/<tenant>.customisations.yaml``."""

    customisations: tuple[Decision, ...]


def form_file(case: Case) -> Path:
    return case.workspace.stacks / f"{case.manifest.tenant}.customisations.yaml"


def write_form(case: Case, found: Customisations) -> Path:
    """Write a form with every customisation that it lacks; what is decided on it already stays as it is."""
    path, known = form_file(case), set()
    kept: list[object] = []
    if path.exists():
        kept = yaml.safe_load(path.read_text())["customisations"]
        known = {one.id for one in _read(case).customisations}
    new = [{"id": one.id, "decision": None, "by": None} for one in found.found if one.id not in known]
    if new:
        head = "# Decide on each: keep, replace or drop, by whom, and the test that shows that it works.\n"
        text = yaml.safe_dump({"customisations": [*kept, *new]}, sort_keys=False, allow_unicode=True)
        write_whole(path, (head + text).encode())
    return path


def decided(
    case: Case, found: Customisations, merges: Merges, new: Baseline
) -> list[tuple[Customisation, Decision, bytes | None]]:
    """
    Return each customisation with its decision and the text to put back; None where it is taken out or left.

    Args:
        new: The baseline of the new version, which what is dropped goes back to.

    Raises:
        Waiting: Something is not decided, not resolved or not tested; names all of it.
    """
    form = {one.id: one for one in _read(case).customisations}
    lacking = [
        line for one in found.found for line in _lacking(case, one, form.get(one.id), merges.of(one.id))
    ]
    if lacking:
        listed = "\n".join(f"  {line}" for line in lacking)
        raise Waiting(
            f"{len(lacking)} to decide on customisations of {case.manifest.tenant}:\n{listed}",
            next_step=f"fill in {form_file(case)}; then fab run --tenant {case.manifest.tenant}",
        )
    return [(one, form[one.id], _text(case, form[one.id], merges.of(one.id), new)) for one in found.found]


def _lacking(
    case: Case, one: Customisation, decision: Decision | None, merged: Merged | None
) -> Iterator[str]:
    if decision is None or decision.decision is None or decision.by is None:
        yield f"{one.id}: keep, replace or drop, and by whom"
        return
    if decision.text is not None:
        path = case.workspace.root / decision.text
        if not path.is_file():
            yield f"{one.id}: there is no {decision.text}"
        elif not merging.is_resolved(path.read_bytes()):
            yield f"{one.id}: {decision.text} still has the markers of a conflict"
    elif decision.decision == "replace":
        yield f"{one.id}: text: names what it is replaced by"
    elif decision.decision == "keep" and merged is not None and merged.outcome == "conflict":
        where = case.folder / merged.file
        yield f"{one.id}: conflict, {merged.says}; resolve {where}, and name the result under text:"
    if decision.decision != "drop" and decision.test is None:
        yield f"{one.id}: test: shows that it works"


def _text(case: Case, decision: Decision, merged: Merged | None, new: Baseline) -> bytes | None:
    if decision.decision == "drop":
        return new.text(decision.id)
    if decision.text is not None:
        return (case.workspace.root / decision.text).read_bytes()
    return merging.result(case, merged) if merged is not None and merged.file else None


def _read(case: Case) -> Form:
    return load_model(form_file(case), Form, next_step=f"fab run --tenant {case.manifest.tenant}")
