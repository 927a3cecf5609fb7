"""
What a firm's supervisor asks for: accounts requested, changed, disabled, at the first level.

The supervisor signs each request with the key that ``stacks/allowed_signers`` lists; a requested account is
there but inactive until somebody of the vendor grants it, by signature too.

Promise: the supervisor touches neither the supervisor's role nor an account that has it: those are the
vendor's. Every request is journalled, refused ones too, with who signed and what came of it.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from migrate import signatures
from migrate.accounts import provider
from migrate.accounts.provider import Account, Provider, access_of
from migrate.accounts.sheet import Wanted, read_sheet
from migrate.case import Case, write_whole
from migrate.errors import GateError, Refused
from migrate.gates import allowed_signers
from migrate.journal import Record
from provisioning.errors import BasculeError
from provisioning.model import Model

RECORD = "account-request"
Act = Literal["request", "change", "disable", "grant"]


class Asked(Model):
    """One request. What stays empty is left as it is."""

    act: Act
    user: str
    by: str
    """The e-mail address that signs."""
    name: str = ""
    email: str = ""
    role: str = ""


def ask(case: Case, asked: Asked, key: Path) -> Account:
    """
    Carry a request out, and journal it whatever came of it.

    Raises:
        GateError: It is not signed by whom it says, or by nobody who may.
        Refused: It goes beyond the first level, or cannot be done; says why.
    """
    fingerprint = ""
    try:
        fingerprint = _signed(case, asked, key)
        with provider.opened(case) as there:
            account = _carry_out(case, there, asked)
    except BasculeError as error:
        _log(case, asked, fingerprint, outcome="refused", why=error.what)
        raise
    _log(case, asked, fingerprint, outcome="done", why="")
    return account


def log(case: Case) -> Iterator[Record]:
    """Yield every request that was ever made, oldest first."""
    return (record for record in case.journal if record.kind == RECORD)


def _log(case: Case, asked: Asked, fingerprint: str, *, outcome: str, why: str) -> None:
    words = asked.model_dump(include={"act", "by", "name", "email", "role"})
    case.journal.append(RECORD, asked.user, **words, fingerprint=fingerprint, outcome=outcome, why=why)


def _signed(case: Case, asked: Asked, key: Path) -> str:
    """Have the request signed, and return the key's fingerprint."""
    allowed = allowed_signers(case)
    if asked.act == "grant":
        if not signatures.is_of_vendor(allowed, asked.by):
            raise GateError(f"{asked.by} does not sign for the vendor, who grants accounts")
    elif asked.by not in _supervisors(case):
        raise GateError(
            f"{asked.by} is not the supervisor of {case.manifest.tenant}",
            state="No account was changed.",
            next_step="have it asked for by the person who has that role in the sheet",
        )
    with _paper(case, asked) as paper:
        signatures.sign(paper, key)
        return signatures.verify(paper, allowed, asked.by).fingerprint


@contextmanager
def _paper(case: Case, asked: Asked) -> Iterator[Path]:
    """The request as a file; it stays with its signature where that is good."""
    now = datetime.now(UTC)
    path = case.folder / "account-requests" / f"{now:%Y%m%dT%H%M%S%f}.json"
    content = asked.model_dump() | {"tenant": case.manifest.tenant, "at": now.isoformat()}
    write_whole(path, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())
    try:
        yield path
    except GateError:
        path.unlink()
        signatures.signature_of(path).unlink(missing_ok=True)
        raise


def _supervisors(case: Case) -> set[str]:
    access = access_of(case)
    users = read_sheet(case.workspace.root / access.sheet, access)
    return {one.email for one in users if (role := access.role(one.role)) and role.supervisor}


def _carry_out(case: Case, there: Provider, asked: Asked) -> Account:
    known = there.account(asked.user)
    match asked.act:
        case "request":
            if known is not None:
                raise _refused(f"there is an account {asked.user} already")
            there.put(_wanted(case, asked, None), active=False)
        case "change":
            known = _first_level(case, asked, known)
            there.put(_wanted(case, asked, known), active=known.active)
        case "disable":
            _first_level(case, asked, known)
            there.disable(asked.user)
        case "grant":
            if known is None:
                raise _refused(f"there is no account {asked.user}")
            there.put(_wanted(case, asked, known), active=True)
    found = there.account(asked.user)
    if found is None:
        raise _refused(f"the provider has no account {asked.user} after this")
    return found


def _first_level(case: Case, asked: Asked, known: Account | None) -> Account:
    """Require an account that the supervisor may change."""
    if known is None:
        raise _refused(f"there is no account {asked.user}")
    role = access_of(case).role(known.role)
    if role is None or role.supervisor:
        raise _refused(
            f"{asked.user} {'is a supervisor' if role else 'has none of the predefined roles'}",
            second_level=True,
        )
    return known


def _wanted(case: Case, asked: Asked, known: Account | None) -> Wanted:
    """What an account shall be; what was not asked for stays."""
    role = asked.role or (known.role if known else "")
    found = access_of(case).role(role)
    if found is None:
        raise _refused(f"there is no role {role!a}")
    if found.supervisor and asked.act != "grant":
        raise _refused(f"{role} is the supervisor's role", second_level=True)
    try:
        return Wanted(
            user=asked.user,
            name=asked.name or (known.name if known else ""),
            email=asked.email or (known.email if known else ""),
            role=role,
        )
    except ValueError as error:
        raise _refused(f"name or e-mail address of {asked.user} cannot be used: {error}") from None


def _refused(why: str, *, second_level: bool = False) -> Refused:
    return Refused(
        why + (": that is beyond the first level, and the vendor's to do" if second_level else ""),
        state="No account was changed.",
        next_step="turn to the vendor's support"
        if second_level
        else "fab users --tenant … shows the accounts",
    )
