"""Purging a real MariaDB by age, and bringing back what went."""

import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from migrate.case import Case
from migrate.connections import Hosts
from migrate.errors import DifferenceError, Refused, TransferError
from migrate.purge import purging
from migrate.purge.mariadb.selection import MariadbSelection
from migrate.purge.purging import Purged, PurgePlan
from migrate.waiting import wait_until
from provisioning.manifest import Manifest
from provisioning.workspace import Workspace
from tests.support.mariadb_hosts import MariaServer, maria_server
from tests.support.moves import Told
from tests.support.private_hosts import private_host

AS_OF = date(2027, 1, 31)
SCHEMA = r"""
CREATE TABLE client (id int PRIMARY KEY, nom varchar(40) NOT NULL);
CREATE TABLE dossier (
    id int AUTO_INCREMENT PRIMARY KEY, client_id int NOT NULL REFERENCES client (id),
    etat enum('ouvert', 'clos'), cloture_le date, suite_de int REFERENCES dossier (id));
CREATE TABLE ecriture (
    id bigint AUTO_INCREMENT PRIMARY KEY, dossier_id int NOT NULL, le datetime(3), montant decimal(12, 4),
    `double%` decimal(12, 4) GENERATED ALWAYS AS (montant * 2) STORED, texte text, taux float,
    vu timestamp NULL,
    CONSTRAINT FOREIGN KEY (dossier_id) REFERENCES dossier (id));
CREATE TABLE piece (
    id varchar(12) COLLATE utf8mb4_bin PRIMARY KEY, ecriture_id bigint, scan blob, drapeaux bit(9),
    `q%s` set('a', 'b'),
    CONSTRAINT FOREIGN KEY (ecriture_id) REFERENCES ecriture (id) ON DELETE CASCADE);
CREATE TABLE journal (
    ecriture_id bigint, le date, PRIMARY KEY (ecriture_id, le),
    CONSTRAINT FOREIGN KEY (ecriture_id) REFERENCES ecriture (id));
SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';
INSERT INTO client VALUES (1, 'Épicerie "Au coin"'), (2, 'tab\t et \\N %s');
-- 1: closed long ago, all of it old. 2: closed long ago, yet with an entry of six years. 3: open. 4: closed
-- lately. 5: closed long ago, and 6, which stays, goes on from it. 7 goes on from 1, 8 from 7, both closed
-- long ago. 9: closed on a day that there is not.
INSERT INTO dossier VALUES
    (1, 1, 'clos', '2012-05-01', NULL), (2, 1, 'clos', '2012-05-01', NULL), (3, 1, 'ouvert', NULL, NULL),
    (4, 2, 'clos', '2025-05-01', NULL), (5, 2, 'clos', '2012-05-01', NULL), (6, 2, 'ouvert', NULL, 5),
    (7, 2, 'clos', '2013-05-01', 1), (8, 2, 'clos', '2013-05-01', 7), (9, 2, 'clos', '0000-00-00', NULL);
INSERT INTO ecriture (dossier_id, le, montant, texte, taux, vu)
    SELECT d.id, '2011-01-01' + INTERVAL n.seq HOUR, n.seq / 7,
           CASE n.seq % 3 WHEN 0 THEN NULL WHEN 1 THEN CONCAT('é', n.seq) ELSE 'a\tb\nc\\N\0d' END,
           n.seq / 3, IF(n.seq % 2, NULL, '2011-03-27 01:30:00')
      FROM dossier AS d JOIN seq_1_to_300 AS n WHERE d.id < 9;
INSERT INTO ecriture (dossier_id, le, montant) VALUES (2, '2021-01-01', 5), (4, NULL, 6);
INSERT INTO piece SELECT CONCAT('p', id), id, UNHEX(REPEAT('00FF09', id % 50)), id % 512, id % 4 FROM ecriture
    WHERE id % 3 = 0;
INSERT INTO journal SELECT id, '2011-01-01' FROM ecriture WHERE id % 5 = 0;
"""
RULES: dict[str, Any] = {
    "database": "main-db",
    "keep": [{"table": ["besa", "ecriture"], "by": "le", "years": 10}],
    "drop": [
        {
            "name": "closed-files",
            "table": ["besa", "dossier"],
            "by": "cloture_le",
            "years": 5,
            "where": {"etat": "clos"},
        }
    ],
    "chunk_rows": 100,
}
GOES = {"dossier": 3, "ecriture": 900, "piece": 300, "journal": 180}
TABLES = ("client", "dossier", "ecriture", "piece", "journal")


@dataclass
class Firm:
    """A firm whose MariaDB is full of old files."""

    server: MariaServer
    hosts: Hosts
    case: Case
    disk: Path

    def sql(self, statements: str) -> list[list[str]]:
        return self.server.sql(statements)

    def content(self) -> dict[str, str]:
        """A digest of each table, every value included."""
        return {table: self.sql(f"CHECKSUM TABLE {table} EXTENDED")[0][1] for table in TABLES}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaServer]:
    base = tmp_path_factory.mktemp("purge")
    with private_host("legacy", base) as host, maria_server(host, server_id=1) as server:
        # What docs/firms.md asks for, and no more.
        server.sql(
            "CREATE USER migration@'%' IDENTIFIED BY 'throw-away';"
            "GRANT SELECT, SHOW VIEW, TRIGGER, EVENT, DELETE, INSERT, CREATE TEMPORARY TABLES"
            " ON besa.* TO migration@'%'"
        )
        yield server


@pytest.fixture
def firm(server: MariaServer, tmp_path: Path) -> Iterator[Firm]:
    drop = "".join(f"DROP TABLE IF EXISTS {table};" for table in reversed(TABLES))
    server.sql(f"DROP TABLE IF EXISTS note, ancien; {drop} {SCHEMA}")
    base, disk = server.host.folder.parent, tmp_path / "disk"
    shutil.rmtree(base / ".state", ignore_errors=True)
    disk.mkdir()
    secret = base / "password"
    secret.write_text("throw-away")
    secret.chmod(0o600)
    (base / "ca.pem").write_text(server.ca)
    person = {"name": "Erika Muster", "email": "erika@alpenblick.example"}
    manifest = Manifest.model_validate(
        {
            "tenant": "alpenblick",
            "display_name": "Alpenblick",
            "playbook": "quadra",
            "substrate": "local",
            "site_name": "alpenblick.care.example",
            "site_engine": "mariadb",
            "application": {"name": "care", "version": "1.0.0", "artifact": "app"},
            "contacts": {"responsible": person, "technical": person},
            "legacy": {
                "hosts": [{"name": "server", "ssh_config": "legacy/etc/ssh_config", "ssh_alias": "legacy"}],
                "databases": [
                    {
                        "name": "main-db",
                        "engine": "mariadb",
                        "host": "server",
                        "port": server.port,
                        "dbname": "besa",
                        "user": "migration",
                        "password_file": "password",
                        "ca_file": "ca.pem",
                    }
                ],
            },
            "purge": RULES | {"archive": {"to": str(disk)}},
            "window": {
                "opens_at": "2027-07-01T18:00:00+02:00",
                "closes_at": "2027-07-02T12:00:00+02:00",
                "time_zone": "Europe/Zurich",
            },
            "support": {"email": "support@vendor.example"},
        }
    )
    workspace = Workspace(base)
    with Hosts(workspace, manifest) as hosts:
        yield Firm(server, hosts, Case(workspace, manifest), disk)


def _rows(plan: PurgePlan) -> dict[str, int]:
    return {one.table.removeprefix("besa."): one.rows for one in plan.tables}


def test_a_dry_run_counts_and_changes_nothing(firm: Firm) -> None:
    """Old files go with all that is theirs; what is young, undated, or needed by what stays does not."""
    before = firm.content()

    plan = purging.dry_run(firm.case, firm.hosts, AS_OF)

    # Files 1, 7 and 8 go. 2 has a young entry, 5 is needed by 6, 4 was closed lately, 9 on no day.
    assert _rows(plan) == GOES
    assert {one.table: one.kept for one in plan.tables}["besa.ecriture"] == 1502
    assert plan.bytes > 10_000
    assert firm.content() == before
    assert not list(firm.disk.iterdir())


def test_purged_rows_come_back_as_they_were(firm: Firm) -> None:
    """There and back, every column of every row; a chain of files that go on from each other too."""
    before = firm.content()
    plan = purging.dry_run(firm.case, firm.hosts, AS_OF)

    done = purging.purge_rows(firm.case, firm.hosts, plan, Told())

    assert done.deleted == plan.rows == sum(GOES.values())
    assert firm.sql("SELECT GROUP_CONCAT(id ORDER BY id) FROM dossier") == [["2,3,4,5,6,9"]]
    # None went by a foreign key's cascade that was not counted.
    assert firm.sql("SELECT COUNT(*) FROM piece") == [[str(800 - GOES["piece"])]]
    (archive,) = (firm.disk / "purged").iterdir()
    assert done.archives == (archive.name,)
    # 900, 300, 180 and 3 rows in chunks of 100.
    assert len(list(archive.glob("chunk-*.age"))) == 9 + 3 + 2 + 1
    assert not any("é1".encode() in path.read_bytes() for path in archive.iterdir())
    assert purging.purge_rows(firm.case, firm.hosts, plan, Told()) == done

    back = purging.bring_back(firm.case, firm.hosts, Told())

    assert (back.rows, back.there) == (plan.rows, 0)
    assert firm.content() == before
    again = purging.bring_back(firm.case, firm.hosts, Told())
    assert (again.rows, again.there) == (0, plan.rows)
    assert firm.content() == before


def test_nobody_makes_a_row_that_would_be_left_without_its_file(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new entry of a file that goes waits for the purge's end, and is refused then by its foreign key."""
    plan, said = purging.dry_run(firm.case, firm.hosts, AS_OF), list[str]()
    delete = MariadbSelection.delete

    def writing() -> None:
        said.append(_refusal(firm.server, "INSERT INTO ecriture (dossier_id, le) VALUES (8, '2027-01-30')"))

    other = threading.Thread(target=writing)

    def while_another_writes(self: MariadbSelection, table: tuple[str, str]) -> int:
        if not other.ident:
            other.start()
            waiting = "SELECT COUNT(*) FROM information_schema.INNODB_LOCK_WAITS"
            assert _until(firm.server, waiting, "1")
        return delete(self, table)

    with monkeypatch.context() as patch:
        patch.setattr(MariadbSelection, "delete", while_another_writes)
        done = purging.purge_rows(firm.case, firm.hosts, plan, Told())
    other.join(timeout=60)
    assert done.deleted == plan.rows
    assert "foreign key constraint fails" in said[0]


def test_what_changed_since_the_dry_run_is_looked_at_again(firm: Firm) -> None:
    """A file that was opened again meanwhile is not deleted on a signature that was for something else."""
    plan = purging.dry_run(firm.case, firm.hosts, AS_OF)
    firm.sql("UPDATE dossier SET etat = 'ouvert' WHERE id = 8")
    before = firm.content()
    with pytest.raises(DifferenceError, match=r"besa.dossier: 0 rows would go, the dry run counted 3"):
        purging.purge_rows(firm.case, firm.hosts, plan, Told())
    assert firm.content() == before


def test_a_purge_that_ends_before_it_is_whole_is_begun_anew(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ended between two tables, nothing went; the repeat deletes once, and both archives count."""
    before, delete = firm.content(), MariadbSelection.delete
    plan = purging.dry_run(firm.case, firm.hosts, AS_OF)

    def ended(self: MariadbSelection, table: tuple[str, str]) -> int:
        if table[1] == "dossier":
            raise KeyboardInterrupt
        return delete(self, table)

    with monkeypatch.context() as patch:
        patch.setattr(MariadbSelection, "delete", ended)
        with pytest.raises(KeyboardInterrupt):
            purging.purge_rows(firm.case, firm.hosts, plan, Told())
    assert firm.content() == before
    assert firm.case.read_evidence("purge", Purged).deleted == 0

    done = purging.purge_rows(firm.case, firm.hosts, plan, Told())

    assert (len(done.archives), done.deleted) == (2, plan.rows)
    purging.bring_back(firm.case, firm.hosts, Told())
    assert firm.content() == before


@pytest.mark.parametrize(
    ("fault", "says"),
    [("flip", "is not what was written"), ("missing", "is missing"), ("disk", "is not there")],
)
def test_a_damaged_archive_brings_nothing_back(firm: Firm, fault: str, says: str) -> None:
    """Each fault is named, and not one row is put back of an archive that has one."""
    done = purging.purge_rows(firm.case, firm.hosts, purging.dry_run(firm.case, firm.hosts, AS_OF), Told())
    chunk = firm.disk / "purged" / done.archives[0] / "chunk-000003.age"
    if fault == "flip":
        content = bytearray(chunk.read_bytes())
        content[len(content) // 2] ^= 1
        chunk.write_bytes(content)
    elif fault == "missing":
        chunk.unlink()
    else:
        firm.disk.rename(firm.disk.with_name("pulled"))
    left = firm.content()
    with pytest.raises(TransferError) as told:
        purging.bring_back(firm.case, firm.hosts, Told())
    assert says in told.value.what
    assert firm.content() == left


def test_rows_whose_file_is_gone_are_not_brought_back(firm: Firm) -> None:
    """A client that was removed since is named by the server's own check, and not one row is put back."""
    purging.purge_rows(firm.case, firm.hosts, purging.dry_run(firm.case, firm.hosts, AS_OF), Told())
    firm.sql("SET foreign_key_checks = 0; DELETE FROM client WHERE id = 1")
    left = firm.content()
    with pytest.raises(TransferError, match="foreign key constraint fails") as told:
        purging.bring_back(firm.case, firm.hosts, Told())
    assert told.value.state == "Nothing was brought back."
    assert firm.content() == left


def test_rules_that_do_not_fit_are_told_at_once(firm: Firm) -> None:
    """What tells no age, has no key, knows no transactions, lies elsewhere, or is kept in vain."""
    firm.sql(
        "CREATE TABLE note (dossier_id int REFERENCES dossier (id), texte text);"
        "CREATE TABLE ancien (id int PRIMARY KEY, le date) ENGINE = MyISAM"
    )
    asked = firm.case.manifest.model_dump(mode="json", exclude_defaults=True)
    asked["purge"]["keep"] += [
        {"table": ["besa", "client"], "by": "nom", "years": 3},
        {"table": ["besa", "nulle"], "by": "le", "years": 3},
    ]
    asked["purge"]["drop"].append({"name": "old", "table": ["besa", "ancien"], "by": "le", "years": 3})
    with pytest.raises(Refused) as refused:
        purging.dry_run(Case(firm.hosts.workspace, Manifest.model_validate(asked)), firm.hosts, AS_OF)
    for line in (
        "besa.client.nom is varchar, which tells no age",
        "there is no column le of a table besa.nulle",
        "besa.note has no primary key",
        "besa.ancien is MyISAM, which cannot put back what was half deleted",
        "besa.client is kept, yet no rule that drops could take rows of it",
    ):
        assert line in refused.value.what


def _refusal(server: MariaServer, statement: str) -> str:
    """What the server says to a statement that it does not do."""
    try:
        server.sql(statement)
    except AssertionError as error:
        return str(error)
    return ""


def _until(server: MariaServer, question: str, answer: str) -> bool:
    return wait_until(lambda: server.sql(question) == [[answer]], deadline_seconds=30, pace_seconds=0.1)
