"""
Customisations carried to the new version: baseline, customer's and new baseline, three ways.

Promise: what both the customer and the vendor changed at one place is a conflict for a person, never guessed;
the result of a clean merge is what ``diff3 -m`` makes of the three texts.
"""

import subprocess
import tempfile
from pathlib import Path
from typing import Literal

from migrate.case import Case, write_whole
from migrate.product.baseline import Baseline
from migrate.product.customisations import Customisation, text
from migrate.product.description import ProductError
from migrate.product.objects import identity
from provisioning.model import Model

Outcome = Literal["carried with the data", "as it is", "delivered now", "merged", "conflict"]


class Merged(Model):
    """What came of one customisation. `file`, in the case's folder, is the result or the conflict."""

    id: str
    outcome: Outcome
    file: str = ""
    says: str = ""


class Merges(Model):
    """Evidence ``merges``."""

    from_version: str
    to_version: str
    merges: tuple[Merged, ...]

    @property
    def conflicts(self) -> tuple[Merged, ...]:
        return tuple(one for one in self.merges if one.outcome == "conflict")

    def of(self, ident: str) -> Merged | None:
        return next((one for one in self.merges if one.id == ident), None)


def merge(case: Case, one: Customisation, old: Baseline, new: Baseline) -> Merged:
    """Carry one customisation to the version of `new`; what came of it is written into the case."""
    ident = identity(one.kind, one.name)
    if one.kind == "table":
        return Merged(id=ident, outcome="carried with the data")
    mine, base, theirs = text(case, one), old.text(ident), new.text(ident)
    if mine is None:
        return Merged(id=ident, outcome="as it is", says="the customer took it out")
    if mine == theirs:
        return Merged(id=ident, outcome="delivered now", says="the new version has the same")
    if base == theirs:  # the vendor did not touch it, or never delivered it
        return _written(case, ident, "as it is", mine, "the new version changes nothing of it")
    if theirs is None:
        return _written(case, ident, "conflict", mine, "the new version has it no more")
    merged, is_clean = diff3(mine, base or b"", theirs)
    if base is None:
        is_clean = False
    if is_clean:
        return _written(case, ident, "merged", merged, "both sides changed it, at different places")
    return _written(case, ident, "conflict", merged, "both sides changed the same place")


def diff3(mine: bytes, base: bytes, theirs: bytes) -> tuple[bytes, bool]:
    """
    Merge three texts by lines; return the result, with markers where it conflicts, and whether it is clean.

    Raises:
        ProductError: ``diff3`` is missing or could not compare them, as it cannot binary files.
    """
    with tempfile.TemporaryDirectory(prefix="bascule-merge-") as folder:
        files = [Path(folder, name) for name in ("customer", "delivered", "new")]
        for path, content in zip(files, (mine, base, theirs), strict=True):
            path.write_bytes(content)
        try:
            done = subprocess.run(["diff3", "-m", *files], capture_output=True, cwd=folder, check=False)  # noqa: S603, S607 - GNU diffutils, as on PATH
        except FileNotFoundError:
            raise ProductError("diff3 is missing here", next_step="install diffutils") from None
    if done.returncode not in (0, 1):
        raise ProductError(
            f"diff3 ended with {done.returncode}: {done.stderr.decode(errors='replace').strip()}"
        )
    return done.stdout.replace(folder.encode() + b"/", b""), done.returncode == 0


def is_resolved(content: bytes) -> bool:
    """Whether no marker of a conflict is left in a text."""
    lines = content.splitlines()
    return not any(line.startswith((b"<<<<<<<", b"|||||||", b">>>>>>>")) for line in lines)


def result(case: Case, merged: Merged) -> bytes:
    """Return the text that a merge came to."""
    return (case.folder / merged.file).read_bytes()


def _written(case: Case, ident: str, outcome: Outcome, content: bytes, says: str) -> Merged:
    name = "".join(c if c.isalnum() or c in "._-" else "_" for c in ident)[:120]
    file = f"customisations/{'conflicts' if outcome == 'conflict' else 'merged'}/{name}"
    write_whole(case.folder / file, content)
    return Merged(id=ident, outcome=outcome, file=file, says=says)
