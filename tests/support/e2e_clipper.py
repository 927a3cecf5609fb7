"""
The workshop Mecavallon in tests: who carries it through the Clipper playbook, and what stands on either side.

Promise: what each side holds is asked of the servers themselves, not of Bascule's evidence.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from examples.mecavallon import installing
from examples.mecavallon.prepare import SERVER, TENANT, VENDOR_PERSON, Prepared, prepare, remove
from migrate.connections import Hosts
from migrate.databases import site_database
from provisioning.engine import Stack
from provisioning.manifest import Environment
from tests.support.e2e import Operator
from tests.support.local_sites import final_backups, place_of

EXAMPLE = Path(installing.__file__).parent
GATES = ("confirm-offer", "accept-customisations", "accept-version", "accept-date")


@dataclass
class Workshop(Operator):
    """Whoever carries the workshop on, and decides for it."""

    outputs: dict[str, Any] = field(default_factory=dict)

    def do(self, about: str, what: str = "") -> None:
        """Do what a run waits for, as the responsible person or the vendor's staff would."""
        if about in GATES:
            said = self.sign(about)
            assert said.code == 0, said.text
            return
        match about.partition(":")[0]:
            case "upgrade-customisations":
                self.decide()
            case "require-way-back":
                self.waive("way-back", "An upgraded schema cannot flow back.")
            case "propose-date":
                # The one before was refused: another day.
                said = self.fab("schedule", "--opens", "2027-03-16T17:00", "--closes", "2027-03-17T14:00")
                assert said.code == 0, said.text
            case _:
                super().do(about, what)

    def waive(self, what: str, reason: str) -> None:
        expires = (datetime.now(UTC) + timedelta(hours=1)).isoformat(timespec="seconds")
        words = ["--what", what, "--by", self.vendor, "--reason", reason, "--expires", expires]
        said = self.fab("waive", *words, "--key", str(self.keys[self.vendor]))
        assert said.code == 0, said.text

    def decide(self) -> None:
        """Fill the form in, and resolve the conflict."""
        root = self.workspace.root
        (root / "decided").mkdir(exist_ok=True)
        for name in ("remise.sql", "z_etiquette.txt"):
            shutil.copy(EXAMPLE / "decided" / name, root / "decided" / name)
        form = self.workspace.stacks / f"{TENANT}.customisations.yaml"
        shutil.copy(EXAMPLE / "decided" / "customisations.yaml", form)

    def ticket(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.workspace.root / "portal" / "ticket.json").read_text())
        return found

    def on_legacy(self, statement: str) -> list[tuple[Any, ...]]:
        """Ask the workshop's database, or change something in it."""
        ca = self.workspace.state / "secrets" / f"{TENANT}-ca.pem"
        with installing.connect(self.outputs, ca) as session:
            cursor = session.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def on_site(self, statement: str, environment: Environment = "prod") -> list[tuple[Any, ...]]:
        hosts = Hosts(self.workspace, self.case.manifest)
        with hosts, site_database(hosts, environment, role="owner").opened() as session:
            return session.execute(statement.encode()).fetchall()


@contextmanager
def workshop(folder: Path, *, scale: float) -> Iterator[tuple[Workshop, Prepared]]:
    """Stand the workshop's machines up; take them and both sites away at the end."""
    prepared = prepare(folder, scale=scale)
    workspace = prepared.workspace
    prod = Stack(workspace, f"{TENANT}-prod")
    kept = set(final_backups(prod))
    try:
        outputs = Stack(prepared.legacy, SERVER).raw_outputs()
        yield Workshop(workspace, TENANT, prepared.keys, VENDOR_PERSON, outputs), prepared
    finally:
        place = place_of(workspace, prod.name)
        remove(folder)
        if left := set(final_backups(prod)) - kept:
            place.run("rm", "-f", "--", *left)
