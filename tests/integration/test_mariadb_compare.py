"""Comparing two MariaDB databases: no false alarm on hard values, and every planted difference found."""

from collections.abc import Iterator

import pytest

from migrate.compare.mariadb import compare
from migrate.compare.verdict import DatabaseComparison
from migrate.errors import ComparisonError
from tests.support.mariadb_hosts import HARD_SCHEMA, MariaMove, a_maria_move

PLANTED = {
    "one character": ("UPDATE Kunde SET Name = 'Zurcher' WHERE Id = 1", "Kunde", "changed"),
    "case only": ("UPDATE Kunde SET Name = 'zürcher' WHERE Id = 1", "Kunde", "changed"),
    "a lost row": ("DELETE FROM messung WHERE kunde = 3", "messung", "missing"),
    "a duplicate": (
        "INSERT INTO ohne_schluessel SELECT * FROM ohne_schluessel LIMIT 1",
        "ohne_schluessel",
        "extra",
    ),
    "the last digit of a float": (
        "UPDATE messung SET wert = 2.33333 WHERE kunde = 1 AND um = '2024-01-01'",
        "messung",
        "changed",
    ),
    "a truncated text": (
        "UPDATE ohne_schluessel SET text = LEFT(text, 99999) LIMIT 4",
        "ohne_schluessel",
        None,
    ),
    "empty instead of NULL": (
        "UPDATE ohne_schluessel SET text = '' WHERE text IS NULL",
        "ohne_schluessel",
        None,
    ),
    "a zero date made NULL": ("UPDATE Kunde SET erfasst = NULL WHERE Id = 2", "Kunde", "changed"),
}


BEFORE = "CREATE OR REPLACE PROCEDURE `aufraeumen`() BEGIN DELETE FROM `alt` WHERE `nr` < 0; END"


@pytest.fixture(scope="module")
def move(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaMove]:
    """The same database on both sides."""
    with a_maria_move(tmp_path_factory.mktemp("move")) as move:
        for server in (move.legacy, move.site):
            server.sql(HARD_SCHEMA)
        yield move


def compared(move: MariaMove) -> DatabaseComparison:
    return compare("main-db", move.source, move.target)


def test_like_databases_agree(move: MariaMove) -> None:
    """Two databases made alike agree in every row and definition, and the verdict names both positions."""
    told: list[str] = []

    found = compare("main-db", move.source, move.target, told=lambda table, _done, _of: told.append(table))

    assert found.agrees, (found.differing_tables, found.differences)
    assert found.rows == 4 + 5 + 4 + 3
    assert sorted(told) == [table.name for table in found.tables]
    assert found.source_position.startswith("0-11-")
    assert found.target_position.startswith("0-22-")
    assert found.definitions >= 4 + 6
    assert found.sequences == 2


@pytest.mark.parametrize("fault", PLANTED)
def test_planted_difference_is_found(move: MariaMove, fault: str) -> None:
    """Each planted fault is found in its table, as what it is."""
    statement, table, kind = PLANTED[fault]
    move.site.sql(f"SET sql_mode = ''; CREATE TABLE kept AS SELECT * FROM {table}; {statement}")
    try:
        found = compared(move)
    finally:
        columns = (
            "kunde, um, wert, genau, betrag, dauer, zeichen, gross, nummer, jahr"
            if table == "messung"
            else "*"
        )
        into = f"{table} ({columns})" if columns != "*" else table
        move.site.sql(
            f"SET sql_mode = '', foreign_key_checks = 0; DELETE FROM {table};"
            f"INSERT INTO {into} SELECT {columns} FROM kept; DROP TABLE kept"
        )

    (differing,) = [t for t in found.differing_tables if t.name != "kept"]
    assert differing.name == table
    assert kind is None or [row.kind for row in differing.differing] == [kind]
    assert compared(move).agrees


@pytest.mark.parametrize(
    ("statement", "back", "name"),
    [
        (
            "DROP INDEX nach_namen ON Kunde",
            "ALTER TABLE Kunde ADD UNIQUE nach_namen (Name, geboren)",
            "Kunde",
        ),
        (
            "ALTER TABLE messung DROP FOREIGN KEY messung_kunde, ADD CONSTRAINT messung_kunde2 "
            "FOREIGN KEY (kunde) REFERENCES Kunde (Id)",
            "ALTER TABLE messung DROP FOREIGN KEY messung_kunde2, ADD CONSTRAINT messung_kunde "
            "FOREIGN KEY (kunde) REFERENCES Kunde (Id) ON DELETE CASCADE",
            "messung",
        ),
        (
            "CREATE OR REPLACE PROCEDURE aufraeumen() BEGIN DELETE FROM `alt`; END",
            None,
            "aufraeumen",
        ),
    ],
)
def test_changed_definition_is_found(move: MariaMove, statement: str, back: str | None, name: str) -> None:
    """A missing index, another rule of a foreign key and another body are found as definitions."""
    statements = f"DELIMITER //\n{statement}//\n"
    move.site.sql(statements)
    found = compared(move)
    move.site.sql(back or f"SET sql_mode = '';\nDELIMITER //\n{BEFORE}//\n")

    assert [difference.name for difference in found.differences] == [name]


def test_sequence_behind_is_found(move: MariaMove) -> None:
    """A sequence and an AUTO_INCREMENT that would give a number again are found; one ahead is not."""
    move.legacy.sql("SELECT SETVAL(belegnummer, 2000); ALTER TABLE Kunde AUTO_INCREMENT = 50")
    behind = {(d.kind, d.name) for d in compared(move).differences}
    move.site.sql("SELECT SETVAL(belegnummer, 2500); ALTER TABLE Kunde AUTO_INCREMENT = 60")

    assert behind == {("next number", "belegnummer"), ("next number", "Kunde AUTO_INCREMENT")}
    assert compared(move).agrees


def test_nothing_is_no_agreement(move: MariaMove) -> None:
    """A source without a table is an error: agreement would prove nothing."""
    move.legacy.sql("CREATE DATABASE leer")
    empty = move.source.endpoint.__class__(**{**vars(move.source.endpoint), "dbname": "leer"})

    with pytest.raises(ComparisonError, match="holds no table"):
        compare("leer", type(move.source)("leer on legacy", empty, move.source.through), move.target)
