"""
The accounting firm Belledonne in tests: who carries it through the Quadra playbook, and what stands where.

Promise: what each side holds is asked of the servers themselves, not of Bascule's evidence.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from examples.belledonne.prepare import TENANT, VENDOR_PERSON, Prepared, prepare, remove
from migrate.archive import stage
from migrate.connections import Hosts
from migrate.databases import site_database
from migrate.web import ask
from provisioning.engine import Stack
from tests.support.e2e import Operator
from tests.support.local_sites import final_backups, place_of

GATES = {"accept-inventory": "inventory.pdf", "accept-purge": "purge.pdf"}
DECIDED = {
    "postgresql serveur:5432 compta": "purge",
    "postgresql serveur:5432 essais": "leave",
    "sqlite serveur:dossiers/caisse/suivi.dat": "move",
    "dbase serveur:anciens/CLIENTS98.DBF": "leave",
}


@dataclass
class Firm(Operator):
    """Whoever carries the firm on, and decides for it."""

    prepared: Prepared

    @property
    def form(self) -> Path:
        return self.workspace.stacks / f"{TENANT}.inventory.yaml"

    @property
    def disk(self) -> Path:
        return self.prepared.disk

    def do(self, about: str, what: str = "") -> None:
        """Do what a run waits for, as the responsible person or the vendor's staff would."""
        if about in GATES:
            said = self.sign(about)
            assert said.code == 0, said.text
        elif about == "decide-inventory":
            self.decide()
        elif about == "carry-archive":
            said = self.carry()
            assert said.code == 0, said.text
        else:
            super().do(about, what)

    def decide(self, **otherwise: str) -> None:
        """Fill the form in; `otherwise` decides on ids that contain a word."""
        content = yaml.safe_load(self.form.read_text())
        for one in content["databases"]:
            asked = [decision for word, decision in otherwise.items() if word in one["id"]]
            one.update(decision=asked[0] if asked else DECIDED.get(one["id"]), by=self.responsible)
        self.form.write_text(yaml.safe_dump(content, allow_unicode=True))

    def carry(self) -> Any:
        (desk,) = stage.desks(self.case)
        return self.fab("stage-in", "--from", str(self.disk), "--archive", desk.archive)

    def on_legacy(self, statement: str) -> list[tuple[Any, ...]]:
        with self.prepared.connect() as session:
            cursor = session.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def on_files(self, user: str, method: str, path: str) -> int:
        """Open a session on the site as a user, ask for one of its files, and close it; return the answer."""
        with Hosts(self.workspace, self.case.manifest) as hosts:
            site = hosts.site()
        opened = ask(site, f"/sessions/{user}", method="POST").json()["session"]
        headers = {"X-Session": opened}
        answer = ask(site, f"/fichiers/{quote(path)}", method=method, headers=headers).status
        assert ask(site, f"/sessions/{user}/{opened}", method="DELETE").status == 200
        return answer

    def on_site(self, statement: str) -> list[tuple[Any, ...]]:
        hosts = Hosts(self.workspace, self.case.manifest)
        with hosts, site_database(hosts, role="owner").opened() as session:
            return session.execute(statement.encode()).fetchall()


@contextmanager
def firm(folder: Path, *, scale: float) -> Iterator[Firm]:
    """Stand the firm's machines up; take them and the site away at the end."""
    prepared = prepare(folder, scale=scale)
    prod = Stack(prepared.workspace, f"{TENANT}-prod")
    kept = set(final_backups(prod))
    try:
        with prepared.provider():
            yield Firm(prepared.workspace, TENANT, prepared.keys, VENDOR_PERSON, prepared)
    finally:
        place = place_of(prepared.workspace, prod.name)
        remove(folder)
        if left := set(final_backups(prod)) - kept:
            place.run("rm", "-f", "--", *left)
