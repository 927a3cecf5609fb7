"""
Gates: points of a playbook that need a person's signature over a document.

Promise: a gate opens only while the document, as it lies there now, carries the signature of the
person whom the manifest names for it. Nothing here writes a document.
"""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict

from migrate import signatures, waivers
from migrate.case import Case, digest_of
from migrate.errors import GateError, Waiting
from migrate.playbook import Entry, Role, load
from migrate.signatures import VENDOR, Signature
from migrate.step import Result


class Gate(BaseModel):
    """A point that needs a signed document."""

    model_config = ConfigDict(frozen=True)
    name: str
    title: str
    document: str
    signer: Role
    waivable: bool = False

    @classmethod
    def of(cls, entry: Entry) -> Self:
        """Return the gate that a playbook's entry describes."""
        fields = entry.model_dump(include={"title", "document", "signer", "waivable"})
        return cls.model_validate({"name": entry.gate, **fields})


def allowed_signers(case: Case) -> Path:
    return case.workspace.stacks / "allowed_signers"


def identity_of(case: Case, role: Role) -> str:
    """The e-mail address that signs for a role; `VENDOR` stands for anybody of the vendor."""
    contacts = case.manifest.contacts
    return {"responsible": contacts.responsible.email, "technical": contacts.technical.email}.get(
        role, VENDOR
    )


def sign(case: Case, gate: Gate, *, signer: str, key: Path) -> Signature:
    """
    Sign a gate's document with a person's key, check the signature as the gate will, and journal it.

    Raises:
        GateError: Nothing to sign yet, the wrong person, or a key that may not be used; the
            document then stays as it was, unsigned or signed.
    """
    document, wanted = case.document(gate.document), identity_of(case, gate.signer)
    if not document.is_file():
        raise GateError(
            f"{gate.document} is not written yet, so it cannot be signed",
            next_step=f"fab run --tenant {case.manifest.tenant}",
        )
    of_vendor = wanted == VENDOR and signatures.is_of_vendor(allowed_signers(case), signer)
    if signer != wanted and not of_vendor:
        role = "somebody of the vendor" if wanted == VENDOR else wanted
        raise GateError(
            f"gate {gate.name} is signed by {role}, not by {signer}",
            state=f"{gate.document} was not touched.",
        )
    place = signatures.signature_of(document)
    before = place.read_bytes() if place.exists() else None
    signatures.sign(document, key)
    try:
        found = _verified(case, gate)
    except GateError:
        if before is None:
            place.unlink()
        else:
            place.write_bytes(before)
        raise
    _journal(case, gate, found)
    return found


def check(case: Case, gate: Gate) -> Result:
    """
    Return who signed the gate's document.

    Raises:
        Waiting: Nobody has signed yet.
        GateError: Signed by the wrong person, for another purpose, with a key that may not be
            used, or changed after signing.
    """
    document = case.document(gate.document)
    tenant, wanted = case.manifest.tenant, identity_of(case, gate.signer)
    if not signatures.signature_of(document).is_file():
        if gate.waivable and (waiver := waivers.active(case, gate.name)):
            return {
                "waived": True,
                "by": waiver.by,
                "reason": waiver.reason,
                "expires_at": str(waiver.expires_at),
            }
        who = "the vendor" if wanted == VENDOR else wanted
        raise Waiting(
            f"{tenant}: {gate.title}: {who} has not signed {document} yet",
            next_step=f"fab sign --tenant {tenant} --gate {gate.name} "
            f"--as {'EMAIL' if wanted == VENDOR else wanted} --key KEYFILE; then fab run --tenant {tenant}",
        )
    found = _verified(case, gate)
    _journal(case, gate, found)
    return {"signer": found.signer, "fingerprint": found.fingerprint, "sha256": digest_of(document)}


def check_again(case: Case, gates: Iterable[Gate]) -> Result:
    """
    Make sure that what was signed earlier still stands: same document, same person.

    A key that has expired since does no harm to what was signed before.

    Raises:
        GateError: A document was changed, or lost its signature.
    """
    checked = []
    for gate in gates:
        signed = case.journal.last("signed", gate.name)
        if signed is None or not signatures.signature_of(case.document(gate.document)).is_file():
            if gate.waivable and waivers.active(case, gate.name):
                continue
            raise GateError(
                f"gate {gate.name}: the signature of {gate.document} is gone, or the waiver ended"
            )
        found = _verified(case, gate, signed.at)
        if signed.data["sha256"] != digest_of(case.document(gate.document)):
            raise GateError(
                f"gate {gate.name}: {gate.document} is not the one that was signed on {signed.at:%F}"
            )
        checked.append(f"{gate.document} by {found.signer}")
    return {"checked": checked}


def check_document(case: Case, document: str) -> Result:
    """
    Return who signed a document, by whichever gate of the tenant's playbook it is for; raises as `check`.

    For what must hold at the moment of acting on a document, whatever phase that is.
    """
    for entry in load(case.workspace, case.manifest.playbook).gates().values():
        if entry.document == document:
            return check(case, Gate.of(entry))
    raise GateError(f"no gate of playbook {case.manifest.playbook} is about {document}")


def _verified(case: Case, gate: Gate, at: datetime | None = None) -> Signature:
    document, wanted = case.document(gate.document), identity_of(case, gate.signer)
    try:
        found = signatures.verify(document, allowed_signers(case), wanted, at=at)
        _require_as_written(case, gate)
        return found
    except (GateError, FileNotFoundError) as error:
        what = error.what if isinstance(error, GateError) else f"{gate.document} is gone"
        raise GateError(
            f"gate {gate.name} stays shut: {what}",
            state="Nothing was done past this gate.",
            next_step=f"fab sign --tenant {case.manifest.tenant} --gate {gate.name} --as "
            f"{'EMAIL' if wanted == VENDOR else wanted} --key KEYFILE",
        ) from None


def _require_as_written(case: Case, gate: Gate) -> None:
    """Somebody may have signed other words than Bascule's: a signature alone does not tell."""
    written = case.journal.last("document", gate.document)
    if written is not None and written.data["sha256"] != digest_of(case.document(gate.document)):
        raise GateError(
            f"{gate.document} is not the one that was written on {written.at:%F %H:%M} UTC"
            f" (SHA-256 {written.data['sha256'][:12]}…); whoever signed it, signed something else",
        )


def _journal(case: Case, gate: Gate, found: Signature) -> None:
    """Journal a signature the first time it is seen, whoever made it and with whatever tool."""
    sha256 = digest_of(case.document(gate.document))
    last = case.journal.last("signed", gate.name)
    if last is None or (last.data["sha256"], last.data["fingerprint"]) != (sha256, found.fingerprint):
        case.journal.append(
            "signed",
            gate.name,
            signer=found.signer,
            fingerprint=found.fingerprint,
            sha256=sha256,
            document=gate.document,
        )
