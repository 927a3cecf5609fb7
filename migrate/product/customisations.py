"""
Customisations: what a tenant's installation has that the vendor did not deliver, found by comparing digests.

Promise: found, not typed; each is kept in the case with its text, so that what is priced, upgraded and put
back is what was found. Evidence ``customisations``.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from migrate.case import Case, digest_of, write_whole
from migrate.errors import EvidenceError
from migrate.product.baseline import Baseline
from migrate.product.objects import Kind, Object, identity
from provisioning.model import Model

FACT = "customised"
"""Recorded where there is at least one, so that a playbook can depend on it."""


class Customisation(Model):
    """One object that differs from what was delivered."""

    kind: Kind
    name: str
    change: Literal["added", "changed", "removed"]
    delivered_sha256: str = ""
    sha256: str = ""
    lines: int
    """Of the customer's text; of the delivered one where it was removed."""

    @property
    def id(self) -> str:
        return identity(self.kind, self.name)


class Customisations(Model):
    """Evidence ``customisations``."""

    product: str
    version: str
    compared: int
    """Objects that were looked at."""
    found: tuple[Customisation, ...]

    def of(self, ident: str) -> Customisation | None:
        return next((one for one in self.found if one.id == ident), None)


def compare(baseline: Baseline, objects: Iterable[Object]) -> Customisations:
    """Return what differs from the baseline, by kind and name."""
    delivered, mine = baseline.by_id, {one.id: one for one in objects}
    found = sorted(_differing(baseline, mine), key=lambda one: one.id)
    return Customisations(
        product=baseline.manifest.product,
        version=baseline.manifest.version,
        compared=len(delivered.keys() | mine.keys()),
        found=tuple(found),
    )


def _differing(baseline: Baseline, mine: dict[str, Object]) -> Iterator[Customisation]:
    delivered = baseline.by_id
    for ident, one in mine.items():
        was = delivered.get(ident)
        if was is None:
            yield Customisation(
                kind=one.kind, name=one.name, change="added", sha256=one.sha256, lines=one.lines
            )
        elif was.sha256 != one.sha256:
            yield Customisation(
                kind=one.kind,
                name=one.name,
                change="changed",
                delivered_sha256=was.sha256,
                sha256=one.sha256,
                lines=one.lines,
            )
    for ident in delivered.keys() - mine.keys():
        was = delivered[ident]
        yield Customisation(
            kind=was.kind, name=was.name, change="removed", delivered_sha256=was.sha256, lines=was.lines
        )


def keep(case: Case, found: Customisations, objects: Iterable[Object]) -> None:
    """Keep what was found as evidence, and the customer's texts beside it; the same again changes nothing."""
    mine = {one.id: one for one in objects}
    for one in found.found:
        if one.sha256:
            write_whole(_text_file(case, one.sha256), mine[one.id].text)
    try:
        if kept(case) == found:
            return
    except EvidenceError:
        pass  # the first one
    case.write_evidence("customisations", found)


def kept(case: Case) -> Customisations:
    return case.read_evidence("customisations", Customisations)


def text(case: Case, one: Customisation) -> bytes | None:
    """
    Return the customer's text of a customisation; None for one that was removed.

    Raises:
        EvidenceError: The text in the case is not the one that was found.
    """
    if not one.sha256:
        return None
    path = _text_file(case, one.sha256)
    if not path.is_file() or digest_of(path) != one.sha256:
        raise EvidenceError(
            f"the text of {one.id} is missing from the case, or was changed after it was found",
            next_step=f"fab run --tenant {case.manifest.tenant}, after putting {path} back",
        )
    return path.read_bytes()


def _text_file(case: Case, sha256: str) -> Path:
    return case.folder / "customisations" / "found" / sha256
