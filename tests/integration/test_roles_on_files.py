"""The demo's application gives files to whom a real SCIM 2.0 server says, and to nobody else."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from examples.belledonne.app.compta.accounts import Accounts, NoAnswerError
from examples.belledonne.app.compta.files import served
from examples.identity import serving
from migrate.accounts import creating, provider
from migrate.accounts.sheet import Wanted
from migrate.case import Case
from migrate.errors import MigrationError
from provisioning.manifest import Manifest
from provisioning.workspace import Workspace
from tests.support.moves import Told
from tests.support.tenants import firm_manifest

SHEET = """user;name;email;role
claire;Claire Clerc;claire@cabinet.example;collaborateur
paul;Paul Paie;paul@cabinet.example;paie
chef;Chef;chef@cabinet.example;superviseur
"""
ROLES = [
    {"name": "collaborateur", "title": "Collaborateur", "files": {"dossiers": ["read", "write"]}},
    {"name": "paie", "title": "Paie", "files": {"dossiers": ["read"], "paie": ["read", "write"]}},
    {"name": "superviseur", "title": "Superviseur", "files": {"dossiers": ["read", "write", "other"]}},
]


@dataclass
class Office:
    """The application, and where its files and accounts are."""

    case: Case
    files: Path
    client: FlaskClient

    def ask(self, method: str, path: str, user: str = "", **more: str) -> int:
        answer = self.client.open(
            f"/fichiers/{path}", method=method, data="nouveau", headers={"X-User": user, **more}
        )
        answer.close()
        return answer.status_code


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    files = tmp_path / "files"
    for name in ("dossiers/bilan.txt", "paie/mars.txt", "ailleurs.txt"):
        (files / name).parent.mkdir(parents=True, exist_ok=True)
        (files / name).write_text("ancien")
    (tmp_path / "users.csv").write_text(SHEET)
    for name in ("changes", "reads"):
        descriptor = os.open(tmp_path / name, os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "w") as token:
            token.write(f"the-token-that-{name}\n")
    with serving("the-token-that-changes", reader="the-token-that-reads") as url:
        access = {
            "roles": ROLES,
            "sheet": "users.csv",
            "scim": {"url": url, "token_file": "changes"},
            "served": {"path": "/fichiers", "token_file": "reads"},
        }
        case = Case(Workspace(tmp_path), Manifest.model_validate(firm_manifest(access=access)))
        creating.create(case, Told())
        accounts = Accounts(url, "the-token-that-reads")
        app = Flask("office")

        def rights() -> frozenset[str] | None:
            from flask import request

            user = request.headers.get("X-User")
            return accounts.entitlements(user) if user else None

        app.register_blueprint(served(files, "/fichiers", rights))
        yield Office(case, files, app.test_client())


def test_each_role_may_what_it_may(office: Office) -> None:
    """Without the right to write one is refused and nothing changed; with it the file is there."""
    bilan = office.files / "dossiers" / "bilan.txt"
    assert office.ask("GET", "dossiers/bilan.txt", "paul") == 200
    assert office.ask("PUT", "dossiers/bilan.txt", "paul") == 403
    assert office.ask("DELETE", "dossiers/bilan.txt", "claire") == 403
    assert bilan.read_text() == "ancien"
    assert office.ask("PUT", "dossiers/bilan.txt", "claire") == 204
    assert bilan.read_text() == "nouveau"
    assert office.ask("PUT", "dossiers/2027/nouveau.txt", "claire") == 201
    assert office.ask("GET", "paie/mars.txt", "claire") == 403
    assert office.ask("GET", "paie/avril.txt", "claire") == 403, "nobody learns what is not there either"
    assert office.ask("GET", "paie/avril.txt", "paul") == 404
    assert office.ask("DELETE", "dossiers/bilan.txt", "chef") == 204
    assert not bilan.exists()
    assert sorted(path.name for path in (office.files / "dossiers").iterdir()) == ["2027"]


def test_nobody_and_whoever_was_disabled_may_nothing(office: Office) -> None:
    """Who is not known is asked who they are; who was disabled is out with the next request."""
    assert office.ask("GET", "dossiers/bilan.txt") == 401
    assert office.ask("GET", "dossiers/bilan.txt", "nobody") == 403
    with provider.opened(office.case) as there:
        there.disable("claire")
    assert office.ask("PUT", "dossiers/bilan.txt", "claire") == 403
    with provider.opened(office.case) as there:
        role = Wanted(user="paul", name="Paul Paie", email="paul@cabinet.example", role="collaborateur")
        there.put(role, active=True)
    assert office.ask("PUT", "dossiers/bilan.txt", "paul") == 204, "a role that changed counts at once"


@pytest.mark.parametrize("path", ["dossiers/../ailleurs.txt", "dossiers/lien", "../dossiers/bilan.txt"])
def test_no_path_leads_out_of_its_area(office: Office, path: str) -> None:
    """Neither dots nor a link do, whatever the right."""
    (office.files / "dossiers" / "lien").symlink_to(office.files / "ailleurs.txt")
    assert office.ask("GET", path, "chef") in (403, 404)
    assert office.ask("PUT", path, "chef") in (403, 404)
    assert (office.files / "ailleurs.txt").read_text() == "ancien"


def test_a_precondition_is_told_to_those_who_may_only(office: Office) -> None:
    """What the go-live suite asks with tells right from wrong and changes nothing."""
    condition = {"If-Match": '"not-there"'}
    assert office.ask("PUT", "dossiers/bilan.txt", "claire", **condition) == 412
    assert office.ask("PUT", "dossiers/bilan.txt", "paul", **condition) == 403
    assert (office.files / "dossiers" / "bilan.txt").read_text() == "ancien"


def test_the_site_may_only_read_accounts(office: Office) -> None:
    """Its token changes none; with none at all, or a provider that is down, nobody has any right."""
    manifest = firm_manifest()
    access = office.case.manifest.access
    assert access is not None
    reading = access.model_copy(update={"scim": access.scim.model_copy(update={"token_file": "reads"})})
    case = Case(
        office.case.workspace,
        Manifest.model_validate({**manifest, "access": reading.model_dump(mode="json")}),
    )
    with provider.opened(case) as there, pytest.raises(MigrationError):
        there.disable("claire")
    url = str(access.scim.url)
    with pytest.raises(NoAnswerError):
        Accounts(url, "another").entitlements("claire")
    with pytest.raises(NoAnswerError):
        Accounts("http://127.0.0.1:1/v2", "the-token-that-reads").entitlements("claire")
