"""
The seal of a dossier: digests that bind its page, its facts and the case that they were taken from.

Promise: a changed page, a changed facts file, and any journal record, evidence, document or signature
that was changed, removed or put in after the dossier was written, is found and named by `check`.
A seal shows change; who vouches is told by the signatures on the documents that it binds.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from migrate.case import Case, digest_of
from migrate.errors import EvidenceError
from provisioning.model import Model

_PLACE = "0" * 64
_PAGE_SEAL = re.compile(r'(<meta name="bascule-seal" content=")([0-9a-f]{64})(">)')
_PAGE_FACTS = re.compile(r'(<meta name="bascule-facts" content=")([0-9a-f]{64})(">)')


class Chain(Model):
    """What a dossier rests on: SHA-256 of each file, and the journal's digest at its last record."""

    journal_records: int
    journal_digest: str
    files: dict[str, str]
    """By path within the case folder: evidence, documents, waivers, and the signatures of these."""


def chain_of(case: Case) -> Chain:
    """
    Return the digests of a case as it stands.

    Raises:
        EvidenceError: The journal's own chain is broken.
    """
    digest = case.journal.check()
    return Chain(journal_records=len(list(case.journal)), journal_digest=digest, files=_files(case))


def _files(case: Case) -> dict[str, str]:
    found: dict[str, str] = {}
    for folder in ("documents", "evidence", "waivers"):
        for path in sorted((case.folder / folder).rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                found[str(path.relative_to(case.folder))] = digest_of(path)
    return found


def seal_facts(facts: dict[str, Any]) -> bytes:
    """Return the facts as a JSON file whose ``seal`` is the digest of everything else in it."""
    bare = {key: value for key, value in facts.items() if key != "seal"}
    return (json.dumps({**bare, "seal": _digest(bare)}, indent=1, ensure_ascii=False) + "\n").encode()


def seal_page(page: str, facts_seal: str) -> bytes:
    """Write the facts' seal and the page's own into the page's head."""
    bare = _PAGE_FACTS.sub(rf"\g<1>{facts_seal}\g<3>", _PAGE_SEAL.sub(rf"\g<1>{_PLACE}\g<3>", page))
    seal = hashlib.sha256(bare.encode()).hexdigest()
    return _PAGE_SEAL.sub(rf"\g<1>{seal}\g<3>", bare).encode()


def _digest(bare: dict[str, Any]) -> str:
    text = json.dumps(bare, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def check_page(page: Path) -> list[str]:
    """Return what is wrong with a page by itself; nothing when it is as it was written."""
    text = page.read_text(encoding="utf-8")
    found = _PAGE_SEAL.search(text)
    if found is None:
        return [f"{page.name}: holds no seal, so it is no dossier's page or its head was changed"]
    bare = _PAGE_SEAL.sub(rf"\g<1>{_PLACE}\g<3>", text)
    if hashlib.sha256(bare.encode()).hexdigest() != found[2]:
        return [f"{page.name}: was changed after it was written"]
    return []


def check(case: Case, page: Path, facts_file: Path) -> list[str]:
    """
    Return everything that does not fit: page, facts, journal, evidence, documents; nothing when all does.

    The journal and the evidence may have grown since; what the dossier rests on must stand unchanged.
    """
    faults = check_page(page)
    facts = json.loads(facts_file.read_text(encoding="utf-8"))
    seal = facts.pop("seal", "")
    if _digest(facts) != seal:
        faults.append(f"{facts_file.name}: was changed after it was written")
    held = _PAGE_FACTS.search(page.read_text(encoding="utf-8"))
    if held is None or held[2] != seal:
        faults.append(f"{page.name} and {facts_file.name} are not of one dossier")
    chain = Chain.model_validate(facts["chain"])
    return faults + _check_journal(case, chain) + _check_files(case, chain)


def _check_journal(case: Case, chain: Chain) -> list[str]:
    try:
        case.journal.check()
    except EvidenceError as error:
        return [error.what]
    records = list(case.journal)
    if len(records) < chain.journal_records:
        missing = chain.journal_records - len(records)
        return [f"journal: its last {missing} of {chain.journal_records} records are gone"]
    if chain.journal_records and records[chain.journal_records - 1].digest != chain.journal_digest:
        return [
            f"journal: another one than the dossier rests on, from record {chain.journal_records} or before"
        ]
    return []


def _check_files(case: Case, chain: Chain) -> list[str]:
    now = _files(case)
    renewed = _written_since(case, chain)
    faults = []
    for name, digest in chain.files.items():
        if name not in now:
            faults.append(f"{name}: is gone")
        elif now[name] != digest and now[name] not in renewed:
            faults.append(f"{name}: was changed")
    return faults


def _written_since(case: Case, chain: Chain) -> set[str]:
    """Return the digests that Bascule itself journalled for files it wrote anew after the dossier."""
    later = list(case.journal)[chain.journal_records :]
    return {str(record.data["sha256"]) for record in later if "sha256" in record.data}
