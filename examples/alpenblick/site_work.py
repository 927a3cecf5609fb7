"""
Somebody at work on the new site: notes written by the application's role, and where they are afterwards.

Promise: only what the database acknowledged is counted; each note is found again by id and text.
"""

from examples.alpenblick.prepare import Prepared
from migrate.case import Case
from migrate.connections import Hosts
from migrate.databases import Database, legacy_database, site_database

_WRITE = """
INSERT INTO epdoc.eintrag (bewohner_id, zeitpunkt, thema, text)
VALUES (%s, now(), 'Neue Umgebung', %s) RETURNING id
"""
_HELD = "SELECT id, text FROM epdoc.eintrag WHERE id = ANY(%s)"

Notes = dict[int, str]
"""Text by id."""


def write_notes(prepared: Prepared, tenant: str, count: int) -> Notes:
    """Write notes on the open site and return those that were acknowledged."""
    case = Case.of(prepared.workspace, tenant)
    written: Notes = {}
    with (
        Hosts(case.workspace, case.manifest) as hosts,
        site_database(hosts, role="application").opened() as session,
    ):
        for number in range(count):
            text = f"Nr. {number} auf der neuen Umgebung geschrieben – à garder."
            row = session.execute(_WRITE, (number % 20 + 1, text)).fetchone()
            assert row is not None  # noqa: S101 - RETURNING gives one row
            written[int(row[0])] = text
    return written


def held_by_legacy(prepared: Prepared, tenant: str, notes: Notes) -> int:
    """Return how many of these notes legacy holds, word for word."""
    case = Case.of(prepared.workspace, tenant)
    with Hosts(case.workspace, case.manifest) as hosts:
        return _held(legacy_database(hosts, case.manifest.legacy.databases[0]), notes)


def held_by_site(prepared: Prepared, tenant: str, notes: Notes) -> int:
    """Return how many of these notes the site holds, word for word."""
    case = Case.of(prepared.workspace, tenant)
    with Hosts(case.workspace, case.manifest) as hosts:
        return _held(site_database(hosts, role="application"), notes)


def _held(database: Database, notes: Notes) -> int:
    with database.opened() as session:
        found = dict(session.execute(_HELD, (list(notes),)).fetchall())
    return sum(found.get(number) == text for number, text in notes.items())
