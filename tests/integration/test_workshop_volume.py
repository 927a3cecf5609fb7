"""What people do during the Clipper demo leaves the database as large as a tested version is good for."""

from pathlib import Path

from examples.mecavallon.installing import HERE
from examples.mecavallon.prepare import FEWEST_ORDERS
from examples.mecavallon.workload.workload import CHANGES, PAUSE_SECONDS, change, order
from migrate.assess.facts import Fingerprint
from migrate.databases import Session, query
from tests.support.private_hosts import private_host

HALF_AN_HOUR = 1800


def test_half_an_hour_of_work_makes_nothing_stale(tmp_path: Path) -> None:
    """At the smallest scale the volume stays the same to the rule that refuses a date, by a wide margin."""
    with private_host("server", tmp_path) as host:
        host.psql("postgres", "CREATE DATABASE clipper")
        with host.connect("clipper") as session:
            data = (HERE / "database" / "data.sql").read_text().replace("{orders}", str(FEWEST_ORDERS))
            delivered = (HERE / "product" / "deliveries" / "6" / "schema.sql").read_text()
            for text in (delivered, "ALTER TABLE erp.ligne DISABLE TRIGGER total", data):
                session.execute(text.encode())
            session.execute("ALTER TABLE erp.ligne ENABLE TRIGGER total")
            session.execute((HERE / "customer" / "customer.sql").read_bytes())
            before = volume(session)
            for _ in range(int(HALF_AN_HOUR / PAUSE_SECONDS / (CHANGES + 1))):
                order(session)
                for _ in range(CHANGES):
                    change(session)
            after = volume(session)
    assert before.still_holds_for(after)
    assert before.bytes < after.bytes < before.bytes * 1.06


def volume(session: Session) -> Fingerprint:
    """What is counted when a date is proposed."""
    tables = session.execute(query("assess_tables")).fetchall()
    return Fingerprint(schema_digest="", bytes=sum(int(row[4]) for row in tables), files=0)
