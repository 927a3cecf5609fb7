"""MariaDB into PostgreSQL: what others lost on the way arrives, and what cannot is said."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from migrate.compare.mariadb_postgresql import compare
from migrate.connections import Hosts
from migrate.databases import Database, site_database
from migrate.errors import MigrationError, TransferError
from migrate.mariadb.session import MariaDatabase
from migrate.remote_jobs import Job
from migrate.transfer.contract import Task
from migrate.transfer.mariadb_postgresql_bulk import MariadbPostgresqlBulk
from tests.support.mariadb_hosts import HARD_SCHEMA, MariaServer, maria_server
from tests.support.moves import Told, a_move

WAY = MariadbPostgresqlBulk()


@dataclass
class Crossing:
    """A MariaDB that is left, a PostgreSQL that is gone to, and the task between them."""

    legacy: MariaServer
    source: MariaDatabase
    hosts: Hosts
    target: Database

    def task(self, attempt: str = "realisation-1", **more: Any) -> Task:
        return Task(
            name="main-db",
            attempt=attempt,
            source=more.pop("source", self.source),
            target=self.target,
            owner="app_owner",
            application="app_user",
        )

    def run(self, statement: str) -> None:
        with self.target.opened(role="app_owner") as session:
            session.execute(statement.encode())

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with self.target.opened(role="app_owner") as session:
            return session.execute(statement.encode()).fetchall()


@pytest.fixture(scope="module")
def crossing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crossing]:
    """The hard schema in MariaDB, and an empty site."""
    with (
        a_move(tmp_path_factory.mktemp("move")) as move,
        maria_server(move.legacy, server_id=11) as legacy,
        legacy.connect() as ssh,
        move.hosts() as hosts,
    ):
        legacy.sql(HARD_SCHEMA)
        yield Crossing(legacy, legacy.database(ssh), hosts, site_database(hosts))


@pytest.fixture(scope="module")
def moved(crossing: Crossing) -> Told:
    """It was copied once; what was told."""
    told = Told()
    copied = WAY.copy(crossing.task(), told)
    assert copied.tables == 4
    assert list(copied.stages) == ["rows", "keys", "proof"]
    return told


def test_estimate_fits(crossing: Crossing) -> None:
    """The move says what it needs before it begins."""
    needed = WAY.estimate(crossing.task())

    assert needed.bytes > 0
    assert needed.fits


@pytest.mark.usefixtures("moved")
def test_bad_date_empties_no_table(crossing: Crossing) -> None:
    """Trap "exit 0 with empty tables": zero dates become NULL, and their rows arrive."""
    assert crossing.rows('SELECT "Id", geboren FROM public."Kunde" WHERE geboren IS NULL ORDER BY 1') == [
        (2, None),
        (3, None),
    ]
    assert crossing.rows('SELECT count(*) FROM public."Kunde"') == [(4,)]


@pytest.mark.usefixtures("moved")
def test_time_over_a_day_bits_and_floats_are_exact(crossing: Crossing) -> None:
    """Traps "TIME over 24 h", "bit" and "FLOAT digits": each value is what the source stores."""
    rows = crossing.rows(
        "SELECT dauer::text, zeichen::text, wert::double precision, gross, betrag, nummer, jahr, doppelt"
        " FROM public.messung ORDER BY kunde, um"
    )

    assert [row[0] for row in rows] == ["838:59:59.999", "-00:00:01.5", "25:00:00", None, "00:00:00"]
    assert [row[1] for row in rows] == ["10101", "00000", None, "00001", "11111"]
    assert [row[2] for row in rows][:3] == [2.3333332538604736, 1.0000000200408773e20, 1.1754943508222875e-38]
    assert rows[0][3] == 18446744073709551615
    assert [str(row[4]) for row in rows][:3] == ["1.5000", "-0.0001", "9999999999999999.9999"]
    assert (rows[0][5], rows[0][6], rows[0][7]) == (42, 2024, 2)


@pytest.mark.usefixtures("moved")
def test_text_and_bytes_are_exact(crossing: Crossing) -> None:
    """Tabs, line ends, backslashes, four-byte signs, other encodings and raw bytes arrive as they were."""
    assert crossing.rows('SELECT "Name" FROM public."Kunde" ORDER BY "Id"')[1:3] == [
        ("Tab\tZeile\nRück\r\\N",),
        ("日本 😀",),
    ]
    assert (
        crossing.rows("SELECT bytes, json::text, latin FROM public.ohne_schluessel WHERE text = 'gleich'")
        == [(bytes.fromhex("00ff0a0d5c09"), '{"b": 1,  "a": [1.0, null]}', "Grüße €")] * 2
    )


@pytest.mark.usefixtures("moved")
def test_keys_numbers_and_rights_are_made(crossing: Crossing) -> None:
    """Names keep their case; keys, rules, next numbers and the application's rights are there."""
    assert crossing.rows(
        "SELECT confdeltype, conrelid::pg_catalog.regclass::text FROM pg_catalog.pg_constraint"
        " WHERE contype = 'f'"
    ) == [("c", "public.messung")]
    inserted = 'INSERT INTO public."Kunde" ("Name", "aktiv") VALUES (\'neu\', true) RETURNING "Id", "Art"'
    with crossing.target.opened(role="app_owner") as session:
        session.execute("BEGIN")
        assert session.execute(inserted.encode()).fetchall() == [(8, "Bewohner")]
        session.execute("ROLLBACK")
    application = site_database(crossing.hosts, role="application")
    with application.opened() as session:
        session.execute('UPDATE public."Kunde" SET "Name" = "Name"')


def test_what_is_not_carried_is_said(moved: Told) -> None:
    """Trap "views, triggers, procedures": each is named, as are computed columns and casts."""
    said = "\n".join(line for line in moved.lines if "not carried over" in line)

    for called in (
        "view aktive",
        "trigger gross",
        "procedure aufraeumen",
        "function anrede",
        "event taeglich",
        "sequence belegnummer",
        "messung.doppelt: its values are carried",
        "Kunde.geändert: no longer set by itself",
        "Kunde.geboren: dates that do not exist, such as 0000-00-00, become NULL; it was NOT NULL",
        "Kunde.erfasst: dates that do not exist",
    ):
        assert called in said


PLANTED = {
    "one digit of a float": (
        "messung",
        "UPDATE public.messung SET wert = 2.33333 WHERE jahr = 2024",
        "UPDATE public.messung SET wert = 2.3333332538604736 WHERE jahr = 2024",
        "changed",
    ),
    "a lost row": (
        "alt",
        "DELETE FROM public.alt WHERE nr = 1",
        "INSERT INTO public.alt VALUES (1, 'MyISAM')",
        "missing",
    ),
    "a row too many": (
        "alt",
        "INSERT INTO public.alt VALUES (9, 'x')",
        "DELETE FROM public.alt WHERE nr = 9",
        "extra",
    ),
    "an empty text for NULL": (
        "alt",
        "UPDATE public.alt SET was = '' WHERE nr = 3",
        "UPDATE public.alt SET was = NULL WHERE nr = 3",
        "changed",
    ),
    "a microsecond": (
        "Kunde",
        """UPDATE public."Kunde" SET "geändert" = "geändert" + interval '1 us' WHERE "Id" = 1""",
        """UPDATE public."Kunde" SET "geändert" = "geändert" - interval '1 us' WHERE "Id" = 1""",
        "changed",
    ),
}


@pytest.mark.usefixtures("moved")
@pytest.mark.parametrize("fault", PLANTED)
def test_planted_difference_is_found(crossing: Crossing, fault: str) -> None:
    """Each planted fault is found in its table, as what it is; without it both sides agree."""
    table, plant, pull, kind = PLANTED[fault]
    crossing.run(plant)
    found = compare("main-db", crossing.source, crossing.target, target_role="app_owner")
    crossing.run(pull)
    after = compare("main-db", crossing.source, crossing.target, target_role="app_owner")

    (differing,) = found.differing_tables
    assert (differing.name, [row.kind for row in differing.differing]) == (table, [kind])
    assert after.agrees, (after.differing_tables, after.differences)
    assert "view aktive: written in MariaDB's own language" in after.not_compared


@pytest.mark.usefixtures("moved")
def test_repeat_attaches_and_a_new_attempt_begins_anew(crossing: Crossing) -> None:
    """The same attempt only looks at what is there; another one empties the target first."""
    again, anew = Told(), Told()
    WAY.copy(crossing.task(), again)
    WAY.copy(crossing.task("realisation-2"), anew)

    assert "main-db: rows (attached)" in again.lines
    assert "main-db: rows" in anew.lines
    assert crossing.rows('SELECT count(*) FROM public."Kunde"') == [(4,)]


def test_login_by_ed25519_works(crossing: Crossing) -> None:
    """Trap "ed25519 login fails": such an account reads for the session and for the stream."""
    password = secrets.token_urlsafe(9)
    crossing.legacy.sql(
        f"CREATE USER neu@'%' IDENTIFIED VIA ed25519 USING PASSWORD('{password}');"
        "GRANT SELECT, SHOW VIEW, EVENT, TRIGGER, BINLOG MONITOR ON *.* TO neu@'%'"
    )
    end = crossing.legacy.endpoint("neu", password)
    source = replace(crossing.source, endpoint=end)

    assert WAY.copy(crossing.task("realisation-3", source=source), Told()).tables == 4


def test_date_that_neither_side_has_stops_the_copy(crossing: Crossing) -> None:
    """A value that PostgreSQL refuses is an error that names the table, and quotes nothing of the row."""
    crossing.legacy.sql(
        "CREATE TABLE kaputt (id int PRIMARY KEY, am date);"
        "SET sql_mode = 'ALLOW_INVALID_DATES'; INSERT INTO kaputt VALUES (1, '2023-02-31')"
    )
    try:
        with pytest.raises(TransferError, match="kaputt") as told:
            WAY.copy(crossing.task("realisation-4"), Told())
    finally:
        crossing.legacy.sql("DROP TABLE kaputt")

    assert "2023-02-31" not in str(told.value)
    assert told.value.next_step


def test_row_lost_on_the_way_is_an_error(crossing: Crossing) -> None:
    """Whatever the programs said: rows that are missing afterwards are an error that names their table."""
    crossing.legacy.sql("CREATE TABLE spaet (id int PRIMARY KEY); INSERT INTO spaet VALUES (1), (2)")
    task = crossing.task("realisation-5")
    WAY.copy(task, Told())
    with crossing.target.opened(role="app_owner") as session:
        session.execute("DELETE FROM public.spaet WHERE id = 2")
    try:
        with pytest.raises(TransferError, match="spaet: source 2 rows, target 1"):
            WAY.copy(task, Told())
    finally:
        crossing.legacy.sql("DROP TABLE spaet")

    assert Job(crossing.target.through, "copy-main-db-rows").look().state == "absent"


def test_type_without_a_like_is_refused(crossing: Crossing) -> None:
    """A column that PostgreSQL cannot keep is refused before anything is copied."""
    crossing.legacy.sql("CREATE TABLE ort (id int PRIMARY KEY, wo point)")
    try:
        with pytest.raises(
            TransferError, match=r"ort\.wo: PostgreSQL has nothing that keeps a point"
        ) as told:
            WAY.copy(crossing.task("realisation-6"), Told())
    finally:
        crossing.legacy.sql("DROP TABLE ort")

    assert told.value.state == "Nothing was copied."


def test_empty_takes_everything_back(crossing: Crossing) -> None:
    """Nothing of the copy is left, neither tables nor the job."""
    WAY.empty(crossing.task())

    assert crossing.rows("SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = 'public'") == []


def test_hidden_table_is_not_left_out_in_silence(crossing: Crossing) -> None:
    """An account that sees one table only is refused: the others would be left out and nobody would know."""
    password = secrets.token_urlsafe(9)
    crossing.legacy.sql(
        f"CREATE USER halb@'%' IDENTIFIED BY '{password}'; GRANT SELECT ON besa.alt TO halb@'%'"
    )
    source = replace(crossing.source, endpoint=crossing.legacy.endpoint("halb", password))

    with pytest.raises(MigrationError, match="lacks SELECT, SHOW VIEW, TRIGGER, EVENT"):
        WAY.copy(crossing.task("realisation-7", source=source), Told())
