"""Accounts at a real SCIM 2.0 server, from a sheet and at a supervisor's request."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from examples.identity import serving
from migrate.accounts import creating, provider, requests
from migrate.accounts.provider import Account
from migrate.accounts.requests import Asked
from migrate.accounts.sheet import read_sheet
from migrate.case import Case
from migrate.errors import ConnectionFailed, GateError, MigrationError, Refused
from provisioning.manifest import Manifest
from provisioning.manifest_access import Access
from provisioning.workspace import Workspace
from tests.support.e2e import signing_keys
from tests.support.moves import Told
from tests.support.tenants import firm_manifest

CHIEF, VENDOR, CLERK = "chef@cabinet.example", "vera@vendor.example", "claire@cabinet.example"
SHEET = f"""user;name;email;role
chef;Élodie Chef;{CHIEF};superviseur
claire;Claire Clerc;{CLERK};collaborateur
paul;Paul Paie;paul@cabinet.example;paie
"""
ROLES: list[dict[str, Any]] = [
    {"name": "collaborateur", "title": "Collaborateur", "files": {"dossiers": ["read", "write"]}},
    {"name": "paie", "title": "Paie", "files": {"dossiers": ["read"], "paie": ["read", "write", "other"]}},
    {
        "name": "superviseur",
        "title": "Superviseur",
        "files": {"dossiers": ["read", "write", "other"]},
        "supervisor": True,
    },
]


@dataclass
class Firm:
    case: Case
    keys: dict[str, Path]

    @property
    def sheet(self) -> Path:
        return self.case.workspace.root / "users.csv"

    def ask(self, act: str, user: str, by: str = CHIEF, key_of: str = "", **words: str) -> Account:
        asked = Asked.model_validate({"act": act, "user": user, "by": by, **words})
        return requests.ask(self.case, asked, self.keys[key_of or by])

    def accounts(self) -> dict[str, Account]:
        with provider.opened(self.case) as there:
            return {one.user: one for one in there.accounts()}


@pytest.fixture
def firm(tmp_path: Path) -> Iterator[Firm]:
    (tmp_path / "stacks").mkdir()
    (tmp_path / "users.csv").write_text(SHEET)
    (tmp_path / "token").write_text("a-token-of-this-test\n")
    (tmp_path / "token").chmod(0o600)
    workspace = Workspace(tmp_path)
    with serving("a-token-of-this-test") as url:
        access = {"roles": ROLES, "sheet": "users.csv", "scim": {"url": url, "token_file": "token"}}
        case = Case(workspace, Manifest.model_validate(firm_manifest(access=access)))
        keys = signing_keys(workspace, CHIEF, VENDOR)
        yield Firm(case, keys)


def test_the_sheet_becomes_accounts_with_their_roles(firm: Firm) -> None:
    """Each user has an account with exactly the permissions of its role; a repeat changes nothing."""
    made = creating.create(firm.case, Told())

    assert made.changed == 3
    accounts = firm.accounts()
    assert {user: one.role for user, one in accounts.items()} == {
        "chef": "superviseur",
        "claire": "collaborateur",
        "paul": "paie",
    }
    assert accounts["paul"].may == ("dossiers:read", "paie:other", "paie:read", "paie:write")
    assert accounts["claire"].name == "Claire Clerc"
    assert all(one.active for one in accounts.values())
    assert creating.create(firm.case, Told()).changed == 0
    firm.sheet.write_text(SHEET.replace("claire@cabinet.example;collaborateur", f"{CLERK};paie"))
    assert creating.create(firm.case, Told()).changed == 1
    assert firm.accounts()["claire"].role == "paie"


def test_the_supervisor_requests_changes_and_disables(firm: Firm) -> None:
    """A requested account waits for the vendor; a changed one has one role only; a disabled one stays."""
    creating.create(firm.case, Told())
    new = {"name": "Nora Neuve", "email": "nora@cabinet.example", "role": "paie"}
    assert not firm.ask("request", "nora", **new).active
    assert firm.ask("grant", "nora", by=VENDOR).active
    changed = firm.ask("change", "nora", role="collaborateur")
    assert (changed.role, changed.may, changed.active) == (
        "collaborateur",
        ("dossiers:read", "dossiers:write"),
        True,
    )
    assert not firm.ask("disable", "nora").active
    assert firm.accounts()["nora"].name == "Nora Neuve"
    logged = [(r.data["act"], r.about, r.data["by"], r.data["outcome"]) for r in requests.log(firm.case)]
    assert logged == [
        ("request", "nora", CHIEF, "done"),
        ("grant", "nora", VENDOR, "done"),
        ("change", "nora", CHIEF, "done"),
        ("disable", "nora", CHIEF, "done"),
    ]
    assert all(record.data["fingerprint"].startswith("SHA256:") for record in requests.log(firm.case))


def test_beyond_the_first_level_is_refused_and_logged(firm: Firm) -> None:
    """Neither the supervisor's role nor a supervisor's account; nobody else's word; and nothing changes."""
    creating.create(firm.case, Told())
    before = firm.accounts()
    new = {"name": "Nora Neuve", "email": "nora@cabinet.example"}
    with pytest.raises(Refused, match="superviseur is the supervisor's role: that is beyond the first level"):
        firm.ask("request", "nora", **new, role="superviseur")
    with pytest.raises(Refused, match="superviseur is the supervisor's role"):
        firm.ask("change", "claire", role="superviseur")
    with pytest.raises(Refused, match="chef is a supervisor: that is beyond the first level"):
        firm.ask("disable", "chef")
    with pytest.raises(Refused, match="there is an account paul already"):
        firm.ask("request", "paul", **new, role="paie")
    with pytest.raises(GateError, match=r"claire@cabinet\.example is not the supervisor"):
        firm.ask("disable", "paul", by=CLERK, key_of=CHIEF)
    with pytest.raises(GateError, match=r"is signed by vera@vendor\.example, not by chef@cabinet\.example"):
        firm.ask("disable", "paul", key_of=VENDOR)
    with pytest.raises(GateError, match="does not sign for the vendor"):
        firm.ask("grant", "paul", by=CHIEF)
    assert firm.accounts() == before
    assert [record.data["outcome"] for record in requests.log(firm.case)] == ["refused"] * 7
    assert len(list((firm.case.folder / "account-requests").glob("*.json"))) == 4


def test_a_wrong_token_and_a_missing_provider_are_told(firm: Firm) -> None:
    """What was refused is said without the token."""
    token = firm.case.workspace.root / "token"
    token.write_text("another-token\n")
    with pytest.raises(MigrationError, match="the provider of accounts refused") as told:
        firm.accounts()
    assert "another-token" not in str(told.value)
    asked = firm.case.manifest.model_dump(mode="json", exclude_defaults=True)
    asked["access"]["scim"]["url"] = "http://127.0.0.1:9/v2"
    away = Case(firm.case.workspace, Manifest.model_validate(asked))
    with pytest.raises(ConnectionFailed, match="does not answer"), provider.opened(away) as there:
        there.accounts()


def test_every_fault_of_a_sheet_is_told_at_its_line(tmp_path: Path) -> None:
    """Unknown roles, doubles, missing values and formulas, in a workbook as in CSV."""
    access = Access.model_validate(
        {"roles": ROLES, "sheet": "s", "scim": {"url": "http://127.0.0.1/v2", "token_file": "t"}}
    )
    rows: list[list[str | None]] = [
        ["user", "name", "email", "role"],
        ["chef", "Élodie Chef", CHIEF, "superviseur"],
        ["Chef", "Autre", "autre@cabinet.example", "paie"],
        ["nora", "Nora", "nora at cabinet", "patron"],
        [None, None, None, None],
        ["luc", '=HYPERLINK("http://x")', "luc@cabinet.example", "paie"],
        ["li ne", "", "line@cabinet.example", "paie"],
    ]
    book = Workbook()
    for row in rows:
        book.worksheets[0].append(row)
    book.save(tmp_path / "users.xlsx")
    csv = "\n".join(",".join('"' + (cell or "").replace('"', '""') + '"' for cell in row) for row in rows)
    (tmp_path / "users.csv").write_text(csv)
    for name in ("users.xlsx", "users.csv"):
        with pytest.raises(MigrationError) as told:
            read_sheet(tmp_path / name, access)
        assert told.value.what.splitlines()[1:] == [
            "  line 3: chef stands in line 2 already",
            "  line 4: 'nora at cabinet' is no e-mail address",
            "  line 4: there is no role 'patron'; roles are collaborateur, paie, superviseur",
            "  line 6: holds a formula; put the value there",
            "  line 7: user 'li ne' is not 1 to 40 letters, digits, dots, hyphens",
            "  line 7: name is missing, over-long or not one line",
        ], name
