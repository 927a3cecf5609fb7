"""
A tenant who begins afresh, for tests: the example's workspace without its application, and a sound workbook.

Promise: nothing here is started.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from migrate.case import Case
from migrate.databases import Session
from migrate.workbook.values import Value
from provisioning.manifest import Manifest
from provisioning.workspace import Workspace
from tests.support.billing_system import SECRET, BillingSystem
from tests.support.private_hosts import PrivateHost

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "fieldpro"

ROWS: dict[str, list[list[Value]]] = {
    "lists": [
        ["region", "nord", "Nord"],
        ["region", "sud", "Sud"],
        ["reason", "vente", "Vente"],
    ],
    "web_users": [["W-01", "Awa Diop", "awa@rivage.example", "manager"]],
    "mobile_users": [
        ["M-01", "Jean Mendy", "+221771234567", "W-01", True],
        ["M-02", "Fatou Sarr", "+221771234568", "W-01", False],
    ],
    "customers": [
        [
            "C-0001",
            "Ferme des Palmiers",
            "nord",
            "ferme@palmiers.example",
            "+221331234567",
            date(2024, 3, 31),
        ],
        ["C-0002", "Ferme du Fleuve", "sud", None, None, None],
    ],
    "products": [
        ["P-100", "Semences de riz 25 kg", Decimal("14.5"), 4],
        ["P-200", "Engrais 10 kg", Decimal("22"), None],
    ],
}


def schema_sql() -> str:
    return (EXAMPLE / "templates" / "visits" / "schema.sql").read_text()


@contextmanager
def owner_session(host: PrivateHost, dbname: str) -> Iterator[Session]:
    """A session as the owner of a site's database has it, pinned as Bascule pins its own."""
    with host.connect(dbname) as session:
        session.execute("SELECT pg_catalog.set_config('search_path', '', false)")
        yield session


def manifest(**changes: Any) -> Manifest:
    """The example's tenant, with other values in some places: ``deployment={"kind": "template"}``."""
    found = yaml.safe_load((EXAMPLE / "stacks" / "rivage.yaml").read_text())
    for key, change in changes.items():
        found[key] = {**found[key], **change} if isinstance(change, dict) else change
    return Manifest.model_validate(found)


def a_case(folder: Path, system: BillingSystem | None = None, **changes: Any) -> Case:
    """A workspace with the example's tenant, who is billed by `system`."""
    workspace = Workspace(folder)
    (folder / "stacks").mkdir()
    shutil.copytree(EXAMPLE / "templates", folder / "templates")
    if system is not None:
        (folder / "billing.ca").write_text(system.ca)
        (folder / "billing.secret").write_text(SECRET + "\n")
        (folder / "billing.secret").chmod(0o600)
        own = {"endpoint": system.url, "ca_file": "billing.ca", "secret_file": "billing.secret"}
        changes["subscription"] = {**own, **changes.get("subscription", {})}
    return Case(workspace, manifest(**changes))
