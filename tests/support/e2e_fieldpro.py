"""
The demo tenant of the playbook fieldpro in a test: its workspace, its billing system, and who acts for whom.

Promise: what stands up here is gone when the ``with`` block ends.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import psycopg
import yaml

from examples.fieldpro.billing_system import SECRET, BillingSystem, billing_system
from examples.fieldpro.prepare import HERE, OFFICER, RESPONSIBLE, TENANT, prepare
from examples.workspaces import key_file
from migrate.connections import Hosts
from provisioning.engine import Stack
from provisioning.local import postgres
from provisioning.local.place import Place
from tests.support.e2e import Operator, Said
from tests.support.local_sites import place_of, temporary


@dataclass
class FieldPro(Operator):
    """Who carries the tenant on, and does what its people would."""

    def do(self, about: str, what: str = "") -> None:
        said = Said(0, "")
        match about:
            case (
                "confirm-contact"
                | "sign-contract"
                | "sign-configuration"
                | "sign-kpis"
                | "validate-environment"
            ):
                said = self.sign(about)
            case "take-over":
                said = self.sign(about, signer=OFFICER)
            case "check-fee":
                today = datetime.now(UTC).date().isoformat()
                said = self.fab("payment", "--invoice", "deployment", "--paid-on", today, "--by", OFFICER)
            case "receive-workbook":
                said = self.fab("config", "check", "--file", str(HERE / "configuration"))
            case "receive-kpis":
                said = self.fab("kpis", "--file", str(HERE / "kpis.yaml"))
            case "await-pilot-end":
                said = self.fab("end-pilot")
            case _:
                super().do(about, what)
        assert said.code == 0, said.text

    @property
    def place(self) -> Place:
        return place_of(self.workspace, self.prod.name)

    @contextmanager
    def superuser(self) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
        """A session on the site's database as somebody who may do everything, past all of Bascule."""
        with Hosts(self.workspace, self.case.manifest) as hosts:
            database = hosts.site().database
        with postgres.session(self.place, database.port, database.dbname) as session:
            yield session


@contextmanager
def fieldpro(folder: Path, begins_on: date | None = None) -> Iterator[tuple[FieldPro, BillingSystem]]:
    """Prepare the tenant and its billing system; take its site away at the end."""
    folder.mkdir(parents=True)
    with billing_system(folder) as system:
        workspace = prepare(
            folder / "workspace", endpoint=system.url, ca=system.ca, secret=SECRET, begins_on=begins_on
        )
        keys = {email: key_file(workspace, email) for email in (RESPONSIBLE, OFFICER)}
        with temporary(Stack(workspace, f"{TENANT}-prod")):
            yield FieldPro(workspace, TENANT, keys, OFFICER), system


@contextmanager
def from_template(neighbour: FieldPro, begins_on: date) -> Iterator[FieldPro]:
    """Another tenant of the same vendor, whose environment is the template as it is; its site goes again."""
    tenant, stacks = "estuaire", neighbour.workspace.stacks
    described = yaml.safe_load((stacks / f"{neighbour.tenant}.yaml").read_text())
    described |= {
        "tenant": tenant,
        "display_name": "Pêcherie Estuaire",
        "site_name": "estuaire.visites.example",
    }
    described["application"]["settings"] = {"database": tenant}
    described["deployment"] |= {"kind": "template", "begins_on": begins_on}
    for only_custom in ("officer", "pilot"):
        del described["deployment"][only_custom]
    (stacks / f"{tenant}.yaml").write_text(yaml.safe_dump(described, sort_keys=False, allow_unicode=True))
    with temporary(Stack(neighbour.workspace, f"{tenant}-prod")):
        yield FieldPro(neighbour.workspace, tenant, neighbour.keys, neighbour.vendor)
