"""
Waivers: somebody of the vendor lets a named thing be, for a reason and until a date.

Promise: a waiver is signed like any gate's document, ends by itself, and is shown as what it is:
waived, never passed.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from pydantic import AwareDatetime, EmailStr, Field

from migrate import signatures
from migrate.assess.facts import Finding
from migrate.assess.findings import catalogue
from migrate.assess.kinds import require_waivable
from migrate.case import Case, write_whole
from migrate.errors import GateError, Refused
from migrate.signatures import VENDOR
from provisioning.model import Model

FINDING = "finding:"
"""What a waiver of a finding begins with: ``finding:<id>:<subject>``, or without the subject for all."""


class Waiver(Model):
    """What is let be, by whom, why, and until when."""

    tenant: str
    what: str = Field(description="A finding, a check of the go-live suite, or a waivable gate.")
    by: EmailStr
    reason: str = Field(min_length=10, max_length=500)
    given_at: AwareDatetime
    expires_at: AwareDatetime

    @property
    def expired(self) -> bool:
        return datetime.now(UTC) >= self.expires_at


def give(case: Case, waiver: Waiver, key: Path) -> Waiver:
    """
    Write, sign and journal a waiver; one for the same thing is replaced.

    Raises:
        Refused: It has expired already; or it is for a finding that does not exist or that nobody can waive.
        GateError: The key is not that of `waiver.by`, or that person does not sign for the vendor.
    """
    if waiver.expired:
        raise Refused(f"the waiver would have expired already ({waiver.expires_at:%F %H:%M %Z})")
    if waiver.what.startswith(FINDING):
        require_waivable(waiver.what.removeprefix(FINDING).partition(":")[0], catalogue())
    if not signatures.is_of_vendor(_allowed(case), waiver.by):
        raise GateError(f"{waiver.by} does not sign for the vendor: stacks/allowed_signers does not say so")
    path = _path(case, waiver.what)
    draft = path.with_name("draft-" + path.name)
    try:
        write_whole(draft, (waiver.model_dump_json(indent=1) + "\n").encode())
        signatures.sign(draft, key)
        found = signatures.verify(draft, _allowed(case), waiver.by)
        # The signature first: a waiver without its signature would be found and refused, not missed.
        signatures.signature_of(draft).replace(signatures.signature_of(path))
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
        signatures.signature_of(draft).unlink(missing_ok=True)
    case.journal.append(
        "waived",
        waiver.what,
        by=waiver.by,
        reason=waiver.reason,
        expires_at=waiver.expires_at.isoformat(),
        fingerprint=found.fingerprint,
    )
    return waiver


def active(case: Case, what: str) -> Waiver | None:
    """
    Return the waiver that covers `what` now, or None when there is none or it has expired.

    Raises:
        GateError: There is one, but it was changed after signing or is not signed by the vendor.
    """
    path = _path(case, what)
    if not path.exists():
        return None
    waiver = _read(case, path)
    return None if waiver.expired or waiver.what != what else waiver


def of_findings(case: Case, findings: Iterable[Finding]) -> dict[str, Waiver]:
    """
    Return the waivers in force by the `Finding.waiver_id` that each covers.

    Raises:
        GateError: One of them was changed after signing or is not signed by the vendor.
    """
    found: dict[str, Waiver] = {}
    for finding in findings:
        if finding.waivable:
            waiver = active(case, finding.waiver_id) or active(case, FINDING + finding.id)
            if waiver is not None:
                found[finding.waiver_id] = waiver
    return found


def every(case: Case) -> Iterator[Waiver]:
    """Yield all waivers of a case, expired ones too, in the order of what they waive."""
    for path in sorted((case.folder / "waivers").glob("*.json")):
        yield _read(case, path)


def _read(case: Case, path: Path) -> Waiver:
    try:
        signatures.verify(path, _allowed(case), VENDOR, at=_signed_at(case, path))
        waiver = Waiver.model_validate_json(path.read_bytes())
    except (GateError, ValueError) as error:
        what = error.what if isinstance(error, GateError) else "it cannot be read"
        raise GateError(
            f"the waiver {path.stem} does not count: {what}", next_step="fab waive, again"
        ) from None
    if waiver.tenant != case.manifest.tenant:
        raise GateError(f"the waiver {path.stem} was given to another tenant, {waiver.tenant}")
    return waiver


def _signed_at(case: Case, path: Path) -> datetime | None:
    """When the waiver was journalled: the moment at which its key had to be valid."""
    given = [r for r in case.journal if r.kind == "waived" and _file_name(r.about) == path.name]
    return given[-1].at if given else None


def _allowed(case: Case) -> Path:
    return case.workspace.stacks / "allowed_signers"


def _path(case: Case, what: str) -> Path:
    return case.folder / "waivers" / _file_name(what)


def _file_name(what: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:\[\]-]{0,150}", what):
        raise Refused(f"{what[:60]!a} is no id that can be waived: letters, digits and . _ : [ ] - only")
    return f"{what}.json"
