"""
The demo tenant with its living legacy system, for tests that move it.

Promise: what each side holds is asked of the servers themselves, not of Bascule's evidence.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from examples.alpenblick.prepare import LEGACY, TENANT, VENDOR_PERSON, Prepared, prepare, remove
from migrate import door
from migrate.connections import Hosts
from migrate.databases import site_database
from migrate.interfaces import connectors
from migrate.playbook import OWN_FOLDER
from provisioning.engine import Stack
from tests.support.e2e import Operator, eventually
from tests.support.local_sites import final_backups, place_of

SCALE = 0.02
INTERFACES = ("medikamente", "labor")

Message = tuple[int, str]
"""Number and id."""
Ask = Callable[[str], list[tuple[Any, ...]]]
"""Asks a database."""
STORED = (
    "SELECT sequence, id::text FROM schnittstelle.nachricht WHERE interface = '{}'"
    " ORDER BY received_at, sequence"
)
"""In the order of arrival, which must be that of the numbers."""
NUMBERS = "SELECT count(*), count(DISTINCT nummer), max(nummer) FROM epdoc.ereignis"


@dataclass(frozen=True)
class Alpenblick:
    """The tenant, who carries it on, and what stands on either side."""

    prepared: Prepared
    operator: Operator
    superuser: str

    def on_legacy(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the legacy database, reading only."""
        options = "-c default_transaction_read_only=on"
        with psycopg.connect(self.superuser, autocommit=True, options=options) as session:
            return session.execute(query.encode()).fetchall()

    def on_site(self, query: str, *words: object) -> list[tuple[Any, ...]]:
        """Ask the site's database, or change something in it."""
        hosts = Hosts(self.prepared.workspace, self.operator.case.manifest)
        with hosts, site_database(hosts, role="owner").opened() as session:
            cursor = session.execute(query.encode(), words or None)
            return cursor.fetchall() if cursor.description else []

    def work(self) -> dict[str, Any]:
        """What the legacy system's users did: ``run/workload.json``."""
        found: dict[str, Any] = json.loads((self.prepared.folder / "run" / "workload.json").read_text())
        return found

    def sent(self, interface: str) -> list[Message]:
        """All that a connector's partner handed over, in order, delivered or not."""
        path = self.prepared.folder / "interfaces" / interface / "outbox.sqlite"
        with closing(sqlite3.connect(path, timeout=20)) as outbox:
            return [
                (int(sequence), str(ident))
                for sequence, ident in outbox.execute("SELECT sequence, id FROM message ORDER BY sequence")
            ]

    def require_buffering(self) -> None:
        """Require that each connector accepts messages, and that legacy gets none of them."""
        for interface in INTERFACES:
            query = STORED.format(interface)
            held, accepted = self.on_legacy(query), len(self.sent(interface))
            self._require_more_than(accepted, interface)
            assert self.on_legacy(query) == held

    def _require_more_than(self, accepted: int, interface: str) -> None:
        eventually(lambda: len(self.sent(interface)) > accepted)

    def all_stored(self, interface: str, on: Ask) -> list[Message]:
        """Wait until a side has all that was handed over by now; require each once, in order; return all."""
        sent, query = self.sent(interface), STORED.format(interface)
        eventually(lambda: len(on(query)) >= len(sent))
        stored = on(query)
        assert stored[: len(sent)] == sent
        assert [number for number, _ in stored] == list(range(1, len(stored) + 1))
        return stored

    def interfaces_go_to(self, address: str) -> bool:
        """Whether each interface transmits, and to that address."""
        with Hosts(self.prepared.workspace, self.operator.case.manifest) as hosts:
            each = [connector.status() for connector in connectors(hosts)]
        return all(
            one.mode == "transmitting" and address in (one.destination.url or one.destination.host or "")
            for one in each
        )

    def door(self) -> tuple[str, bool]:
        """The site's door as its host tells it, and whether somebody outside is let in."""
        with Hosts(self.prepared.workspace, self.operator.case.manifest) as hosts:
            site = hosts.site()
            return door.read(hosts.target(), site), door.seen_open(site)

    def file_on_site(self, name: str) -> Path:
        return place_of(self.prepared.workspace, f"{TENANT}-prod").path(name)

    def use_playbook(self, *, lease_seconds: int | None = None) -> None:
        """
        Put a playbook of the workspace's own before Bascule's: without the test site and its rehearsal.

        Args:
            lease_seconds: How long legacy stays frozen when nobody comes back; by default Bascule's own.
        """
        text = (OWN_FOLDER / "besa.yaml").read_text()
        test_site = (
            "      - step: deploy-site\n        title: The test site is deployed\n"
            "        with: {environment: test}\n"
        )
        assert test_site in text
        text = text.replace(test_site, "")
        rehearsal = text.index("  - name: rehearsal"), text.index("  - name: replication")
        text = text[: rehearsal[0]] + text[rehearsal[1] :].replace(
            "reopens: rehearsal", "reopens: replication"
        )
        if lease_seconds:
            for step in ("hold-interfaces", "freeze-legacy"):
                line = f"      - step: {step}\n"
                assert line in text
                text = text.replace(line, f"{line}        with: {{lease_seconds: {lease_seconds}}}\n")
        folder = self.prepared.workspace.root / "playbooks"
        folder.mkdir(exist_ok=True)
        (folder / "besa.yaml").write_text(text)


@contextmanager
def alpenblick(folder: Path, *, rehearsed: bool = False) -> Iterator[Alpenblick]:
    """
    Stand the legacy system up; take it and both sites away at the end.

    Args:
        rehearsed: Move it by the playbook as it ships, with a test site and a rehearsal.
    """
    prepared = prepare(folder, scale=SCALE)
    workspace = prepared.workspace
    prod = Stack(workspace, f"{TENANT}-prod")
    kept = set(final_backups(prod))
    try:
        outputs = Stack(prepared.legacy, LEGACY).raw_outputs()
        superuser = make_conninfo(
            host=prepared.address,
            dbname="alpenblick",
            user="umzug",
            password=outputs["database"]["migration"]["password"],
            sslmode="verify-full",
            sslrootcert=str(workspace.state / "secrets" / f"{LEGACY}-ca.pem"),
        )
        operator = Operator(workspace, TENANT, prepared.keys, VENDOR_PERSON)
        here = Alpenblick(prepared, operator, superuser)
        if not rehearsed:
            here.use_playbook()
        yield here
    finally:
        place = place_of(workspace, prod.name)
        remove(folder)
        if left := set(final_backups(prod)) - kept:
            place.run("rm", "-f", "--", *left)
    assert not folder.exists()
    assert not place.exists
