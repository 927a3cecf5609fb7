"""
The municipality of the Skydrift playbook in tests: its workspace, who signs there, and what lies on its site.

Promise: whatever was started is gone when the ``with`` block ends.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from psycopg import sql

from examples.fjordvik import prepare as fjordvik
from migrate import remote
from migrate.connections import Hosts, connect
from migrate.databases import Database, legacy_database, site_database
from provisioning.manifest import Environment
from tests.support.e2e import Operator, Said

ANSWERS = {"needs": "Felles arkiv", "why": "Mindre drift", "resources": "Én IT-medarbeider"}
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


@dataclass
class Archivist(Operator):
    """Who carries the municipality on."""

    def waive(self, what: str) -> Said:
        expires = (datetime.now(UTC) + timedelta(hours=2)).isoformat(timespec="seconds")
        words = ["--what", what, "--by", self.vendor, "--reason", "A test does it at any hour."]
        return self.fab("waive", *words, "--expires", expires, "--key", str(self.keys[self.vendor]))

    def answer(self, **more: Any) -> Said:
        """Answer the mapping meeting's form."""
        path = self.workspace.stacks / f"{self.tenant}.questionnaire.yaml"
        read = yaml.safe_load(path.read_text())
        path.write_text(yaml.safe_dump({**read, **ANSWERS, **more}, allow_unicode=True))
        return self.fab("questionnaire")

    def set_hours(self, days: list[str]) -> None:
        """Say in the manifest on which days people work, from midnight to midnight."""
        path = self.workspace.stacks / f"{self.tenant}.yaml"
        content = yaml.safe_load(path.read_text())
        content["operations"]["hours"] = {"days": days, "opens": "00:00", "closes": "23:59:59"}
        path.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True))

    def ask_for_patch_level(self, postgresql: str) -> None:
        path = self.workspace.stacks / f"{self.tenant}.yaml"
        content = yaml.safe_load(path.read_text())
        content["operations"]["maintenance"] = {"postgresql": postgresql}
        path.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True))

    def order(self, version: str) -> None:
        path = self.workspace.stacks / f"{self.tenant}.upgrade.yaml"
        content = yaml.safe_load(path.read_text())
        path.write_text(yaml.safe_dump({**content, "to": version}, allow_unicode=True))

    def name_terminal(self, name: str) -> None:
        """Call the terminal server something else in the upgrade file."""
        path = self.workspace.stacks / f"{self.tenant}.upgrade.yaml"
        content = yaml.safe_load(path.read_text())
        content["workstations"][0]["hosts"][0]["name"] = name
        path.write_text(yaml.safe_dump(content, allow_unicode=True))

    def on_terminal(self, script: str) -> str:
        """Run a script on the terminal server that is for testing."""
        with connect(self.workspace.ssh_config(fjordvik.TERMINAL), fjordvik.TERMINAL) as connection:
            return remote.run(connection, script).text

    def on_legacy(self, statement: str) -> list[tuple[Any, ...]]:
        with Hosts(self.workspace, self.case.manifest) as hosts:
            return _rows(legacy_database(hosts, self.case.manifest.legacy.databases[0]), statement)

    def on_site(self, statement: str, environment: Environment = "prod") -> list[tuple[Any, ...]]:
        """Run a statement on a site, as the role that owns everything there."""
        with Hosts(self.workspace, self.case.manifest) as hosts:
            owner = hosts.site(environment).database.owner.name
            return _rows(site_database(hosts, environment), statement, owner)


def _rows(database: Database, statement: str, role: str | None = None) -> list[tuple[Any, ...]]:
    with database.opened(role=role) as session:
        cursor = session.execute(sql.SQL(statement))
        return cursor.fetchall() if cursor.description else []


@contextmanager
def archive(folder: Path) -> Iterator[Archivist]:
    """Make the workspace and its machines, and take them away afterwards."""
    try:
        prepared = fjordvik.prepare(folder, scale=0.1)
        yield Archivist(prepared.workspace, fjordvik.TENANT, prepared.keys, fjordvik.VENDOR_PERSON)
    finally:
        fjordvik.remove(folder)
