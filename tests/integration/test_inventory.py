"""An inventory of real servers and folders, and what is asked of a person about it."""

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from migrate.case import Case
from migrate.connections import Hosts
from migrate.errors import MigrationError, Waiting
from migrate.inventory import decisions, taking
from migrate.inventory.folders import databases_in
from migrate.inventory.found import FoundDatabase, FoundDatabases
from provisioning.manifest import Manifest
from tests.support.file_databases import access, dbase
from tests.support.mariadb_hosts import ADMIN, MariaServer, maria_server
from tests.support.moves import Move, Told, a_move
from tests.support.private_hosts import private_host

LONG_AGO = datetime(2009, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def firm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Move, MariaServer, int]]:
    """A firm with a PostgreSQL of two databases, a MariaDB, a third server that nobody named, and files."""
    base = tmp_path_factory.mktemp("firm")
    with (
        a_move(base) as move,
        maria_server(move.legacy, server_id=31, dbname="paie") as maria,
        private_host("forgotten", base, address=move.legacy.address) as forgotten,
    ):
        move.legacy.psql("postgres", "CREATE ROLE compta; CREATE DATABASE archives OWNER compta;")
        move.legacy.psql("archives", "CREATE TABLE t AS SELECT generate_series(1, 9); CHECKPOINT;")
        maria.sql("CREATE TABLE paie.bulletin (id int PRIMARY KEY); INSERT INTO paie.bulletin VALUES (1);")
        etc = move.legacy.folder / "etc"
        (etc / "maria-ca.pem").write_text(maria.ca)
        (etc / "maria").write_text(maria.password)
        (etc / "maria").chmod(0o600)
        _fill(move.legacy.folder)
        asked = move.manifest.model_dump(mode="json", exclude_defaults=True)
        asked["inventory"] = {
            "servers": [
                {
                    "name": "payroll",
                    "engine": "mariadb",
                    "host": "server",
                    "port": maria.port,
                    "dbname": "paie",
                    "user": ADMIN,
                    "password_file": "legacy/etc/maria",
                    "ca_file": "legacy/etc/maria-ca.pem",
                }
            ],
            "folders": [{"name": "old", "host": "server", "path": "old"}],
        }
        yield replace(move, manifest=Manifest.model_validate(asked)), maria, forgotten.pg_port


def _fill(folder: Path) -> None:
    documents, old = folder / "documents", folder / "old"
    (documents / "caisse").mkdir(parents=True)
    old.mkdir()
    with closing(sqlite3.connect(documents / "caisse" / "données.bin")) as made, made:
        made.execute("CREATE TABLE t (a)")
    (old / "CLIENTS.DAT").write_bytes(dbase(20))
    (old / "compta 2003").write_bytes(access())
    os.utime(old / "compta 2003", (LONG_AGO.timestamp(),) * 2)
    (old / "lettre.dbf").write_bytes(b"Madame, Monsieur, ceci est une lettre et non une table.\n" * 9)
    (old / os.fsdecode(b"nom\nsur deux lignes \xff")).write_bytes(dbase(1))


@pytest.fixture
def hosts(firm: tuple[Move, MariaServer, int]) -> Iterator[Hosts]:
    with firm[0].hosts() as hosts:
        yield hosts


@pytest.fixture(scope="module")
def found(firm: tuple[Move, MariaServer, int]) -> FoundDatabases:
    with firm[0].hosts() as hosts:
        return taking.take(_case(hosts), hosts, Told())


def _case(hosts: Hosts) -> Case:
    return Case(hosts.workspace, hosts.manifest)


def _of(found: FoundDatabases, ident: str) -> FoundDatabase:
    (one,) = [one for one in found.databases if re.fullmatch(ident, one.id)]
    return one


def test_every_database_of_every_server_is_listed(
    found: FoundDatabases, firm: tuple[Move, MariaServer, int]
) -> None:
    """Not only what the manifest's login lands in, and with size, age and owner."""
    move, maria, _ = firm
    one = _of(found, f"postgresql server:{move.legacy.pg_port} archives")
    assert one.owner == "compta"
    assert one.bytes is not None
    assert one.bytes > 1_000_000
    assert one.idle_days(datetime.now(UTC)) == 0
    two = _of(found, f"mariadb server:{maria.port} paie")
    assert two.bytes is not None
    assert two.bytes > 0
    assert two.idle_days(datetime.now(UTC)) == 0
    assert _of(found, f"postgresql server:{move.legacy.pg_port} besa").name == "besa"


def test_a_server_that_nobody_named_is_found(
    found: FoundDatabases, firm: tuple[Move, MariaServer, int]
) -> None:
    """It answers on the host, is known by its protocol, and stands there as one without a login."""
    assert _of(found, f"postgresql server:{firm[2]}").is_closed


def test_files_are_known_by_their_content(found: FoundDatabases) -> None:
    """SQLite, dBase and Access under any name; a letter called .dbf is none."""
    files = {one.id: one for one in found.databases if one.is_file}
    assert sorted(files) == [
        "access server:old/compta 2003",
        "dbase server:old/CLIENTS.DAT",
        "dbase server:old/nom%0Asur%20deux%20lignes%20%FF",
        "sqlite server:documents/caisse/données.bin",
    ]
    assert files["access server:old/compta 2003"].written_at == LONG_AGO
    assert files["dbase server:old/CLIENTS.DAT"].bytes == len(dbase(20))


def test_nothing_moves_without_a_decision(
    found: FoundDatabases, hosts: Hosts, firm: tuple[Move, MariaServer, int]
) -> None:
    """Each that nobody decided on is named; so is a decision that the manifest contradicts."""
    case, (move, maria, forgotten) = _case(hosts), firm
    form = decisions.write_form(case, found)
    with pytest.raises(Waiting) as waiting:
        decisions.decided(case, found)
    assert waiting.value.what.count(": move, purge or leave, and by whom") == len(found.databases)

    wrong = {
        f"postgresql server:{move.legacy.pg_port} besa": ("leave", "leave, yet it is part of"),
        f"postgresql server:{move.legacy.pg_port} archives": ("move", "yet nothing under legacy.databases"),
        f"mariadb server:{maria.port} paie": ("leave", ""),
        f"postgresql server:{forgotten}": ("move", "move, yet nobody gave a login"),
        "sqlite server:documents/caisse/données.bin": ("purge", "purge, yet rules drop rows of a server's"),
        "dbase server:old/CLIENTS.DAT": ("move", "move, yet nothing under legacy.files moves it"),
    }
    _decide(form, {ident: decision for ident, (decision, _) in wrong.items()}, "leave")
    with pytest.raises(Waiting) as waiting:
        decisions.decided(case, found)
    lines = waiting.value.what.splitlines()[1:]
    assert len(lines) == 5
    for ident, (_, says) in wrong.items():
        assert not says or any(line.startswith(f"  {ident}: ") and says in line for line in lines), ident

    right = dict.fromkeys(wrong, "leave") | {
        f"postgresql server:{move.legacy.pg_port} besa": "move",
        "sqlite server:documents/caisse/données.bin": "move",
    }
    _decide(form, right, "leave")
    every = {one.id: decision.decision for one, decision in decisions.decided(case, found)}
    assert [ident for ident, decision in every.items() if decision == "move"] == [
        f"postgresql server:{move.legacy.pg_port} besa",
        "sqlite server:documents/caisse/données.bin",
    ]
    text = form.read_text()
    decisions.write_form(case, found)
    assert form.read_text() == text


def _decide(form: Path, of: dict[str, str], otherwise: str) -> None:
    content = yaml.safe_load(form.read_text())
    for one in content["databases"]:
        one.update(decision=of.get(one["id"], otherwise), by="gerant@cabinet.example")
    form.write_text(yaml.safe_dump(content))


def test_a_folder_that_is_not_there_is_told(hosts: Hosts) -> None:
    """A misspelt path is no empty folder."""
    with pytest.raises(MigrationError, match="nowhere is not a folder on server"):
        databases_in(hosts.legacy("server"), "server", "documents", "nowhere")
