"""
A tenant, an assessment, a request and a rate card for tests; nothing is reached.

Promise: every fact is the same in each test, but for what a test changes on purpose.
"""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from migrate.assess.estimate import estimate_stop
from migrate.assess.facts import (
    Assessment,
    Counts,
    Database,
    Files,
    Fingerprint,
    Host,
    InterfaceFacts,
    ReadSample,
    Server,
    Table,
    WriteRate,
)
from migrate.rates import RateCard, load_rates
from migrate.request import Request
from provisioning.manifest import Manifest
from provisioning.workspace import Workspace

EXAMPLE = Path(__file__).parents[2] / "examples" / "alpenblick"


def manifest(**changes: Any) -> Manifest:
    """Return the manifest of a care home; Tuesday evening to Wednesday noon is wished."""
    anna = {"name": "Anna Käser", "email": "anna.kaeser@alpenblick.example", "phone": "+41 31 555 01 02"}
    return Manifest.model_validate(
        {
            "tenant": "alpenblick",
            "display_name": "Pflegeheim Alpenblick",
            "language": "de",
            "currency": "CHF",
            "playbook": "besa",
            "substrate": "local",
            "site_name": "alpenblick.care.example",
            "application": {"name": "pflegebuch", "version": "2.0.0", "artifact": "app"},
            "contacts": {
                "responsible": anna,
                "technical": {"name": "Urs Graf", "email": "it@alpenblick.example"},
            },
            "legacy": {
                "hosts": [{"name": "server", "ssh_config": "legacy/ssh_config", "ssh_alias": "server"}],
                "databases": [
                    {
                        "name": "pflege",
                        "host": "server",
                        "dbname": "pflege",
                        "user": "bascule",
                        "password_file": "legacy/password",
                        "ca_file": "legacy/ca.pem",
                    }
                ],
                "files": [{"name": "dokumente", "host": "server", "path": "dokumente"}],
            },
            "interfaces": [
                {"name": "labor", "kind": "https", "host": "server", "control": "bin/labor"},
                {"name": "apotheke", "kind": "https", "host": "server", "control": "bin/apotheke"},
            ],
            "modules": [],
            "window": {
                "opens_at": "2027-03-09T17:00:00+01:00",
                "closes_at": "2027-03-10T14:00:00+01:00",
                "time_zone": "Europe/Zurich",
            },
            "support": {"email": "support@pflegewerk.example", "url": "https://pflegewerk.example/hilfe"},
            **changes,
        }
    )


@cache
def rates() -> RateCard:
    """Return the example's rate card."""
    return load_rates(Workspace(EXAMPLE))


def request(**changes: Any) -> Request:
    asked = {"requested_at": "2026-11-02T09:15:00+01:00", "by": manifest().contacts.responsible, **changes}
    return Request.model_validate(asked)


def table(name: str = "bewohner", **changes: Any) -> Table:
    facts = {
        "schema_name": "rai",
        "name": name,
        "kind": "table",
        "estimated_rows": 1000,
        "bytes": 40_000_000,
        "index_bytes": 9_000_000,
        "has_key": True,
        "is_unlogged": False,
        "has_row_security": False,
        "is_readable": True,
    }
    return Table.model_validate({**facts, **changes})


def database(**changes: Any) -> Database:
    server = {
        "version": "15.10",
        "version_number": 150010,
        "wal_level": "replica",
        "max_connections": 100,
        "max_wal_senders": 10,
        "max_replication_slots": 10,
        "shared_buffers": "128MB",
        "time_zone": "Europe/Zurich",
        "data_directory": None,
        "is_standby": False,
        "encoding": "UTF8",
        "collation": "de_CH.UTF-8",
        "character_type": "de_CH.UTF-8",
        "bytes": 1_900_000_000,
        "sessions": 3,
        "may_freeze": True,
    }
    facts = {
        "name": "pflege",
        "host": "server",
        "server": Server.model_validate({**server, **changes.pop("server", {})}),
        "tables": (table(), table("einstufung")),
        "counts": Counts(**{**dict.fromkeys(Counts.model_fields, 0), **changes.pop("counts", {})}),
        "extensions": (),
        "roles": (),
        "long_transactions": (),
        "writes": WriteRate(seconds=3.0, rows_per_second=12.0, wal_bytes_per_second=8000.0),
        "read": ReadSample(what="rai.bewohner and 1 more", bytes=64_000_000, seconds=0.5),
        "schema_digest": "5" * 64,
    }
    return Database.model_validate({**facts, **changes})


def tree(**changes: Any) -> Files:
    facts = {
        "name": "dokumente",
        "host": "server",
        "count": 2400,
        "bytes": 310_000_000,
        "folders": 60,
        "others": 0,
        "odd_names": (),
        "odd_name_count": 0,
        "unreadable_count": 0,
        "read": ReadSample(what="dokumente", bytes=64_000_000, seconds=0.4),
    }
    return Files.model_validate({**facts, **changes})


def assessment(**changes: Any) -> Assessment:
    facts = {
        "tenant": "alpenblick",
        "measured_at": datetime(2026, 11, 3, 10, 0, tzinfo=UTC),
        "hosts": (
            Host(name="server", system="Debian 12", cores=4, memory_bytes=8 << 30, disk_free_bytes=90 << 30),
        ),
        "databases": (database(),),
        "files": (tree(),),
        "interfaces": (
            InterfaceFacts(name="labor", kind="https", host="server", answers=True, detail="transmitting"),
        ),
        "target": None,
        "findings": (),
        "mode": "bulk",
        "mode_because": "it fits",
        "estimate": estimate_stop([database()], [tree()], 2),
        "fingerprint": Fingerprint(schema_digest="5" * 64, bytes=2_210_000_000, files=2400),
    }
    return Assessment.model_validate({**facts, **changes})
