"""Purging a real PostgreSQL by age, and bringing back what went."""

import errno
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from examples import belledonne
from migrate import facts
from migrate.case import Case
from migrate.connections import Hosts
from migrate.errors import DifferenceError, Refused, TransferError
from migrate.purge import purging
from migrate.purge.postgresql.selection import PostgresqlSelection
from migrate.purge.purging import Purged, PurgePlan
from migrate.steps import purge as steps
from provisioning.manifest import Manifest
from tests.support.moves import Move, Told, a_move

EXAMPLE = Path(belledonne.__file__).parent
AS_OF = date(2027, 1, 31)
SCHEMA = """
CREATE SCHEMA compta;
CREATE TABLE compta.client (id int PRIMARY KEY, nom text NOT NULL);
CREATE TABLE compta.dossier (
    id int PRIMARY KEY, client_id int NOT NULL REFERENCES compta.client, etat text, cloture_le date,
    suite_de int REFERENCES compta.dossier);
CREATE TABLE compta.ecriture (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, dossier_id int NOT NULL REFERENCES compta.dossier,
    le timestamptz, montant numeric, double numeric GENERATED ALWAYS AS (montant * 2) STORED, texte text);
CREATE TABLE compta.piece (
    id int PRIMARY KEY, ecriture_id bigint REFERENCES compta.ecriture ON DELETE CASCADE, scan bytea);
CREATE TABLE compta.journal (
    ecriture_id bigint REFERENCES compta.ecriture, le date, PRIMARY KEY (ecriture_id, le));
INSERT INTO compta.client VALUES (1, 'Épicerie "Au coin"'), (2, E'tab\\t et \\\\N');
-- 1: closed long ago, all of it old. 2: closed long ago, yet with an entry of six years. 3: open. 4: closed
-- lately. 5: closed long ago, and 6, which stays, goes on from it. 7: goes on from 1, closed long ago too.
INSERT INTO compta.dossier VALUES
    (1, 1, 'clos', '2012-05-01', NULL), (2, 1, 'clos', '2012-05-01', NULL), (3, 1, 'ouvert', NULL, NULL),
    (4, 2, 'clos', '2025-05-01', NULL), (5, 2, 'clos', '2012-05-01', NULL), (6, 2, 'ouvert', NULL, 5),
    (7, 2, 'clos', '2013-05-01', 1);
INSERT INTO compta.ecriture (dossier_id, le, montant, texte)
    SELECT d, '2011-01-01'::timestamptz + n * interval '1 hour', n / 7.0,
           CASE n % 3 WHEN 0 THEN NULL ELSE 'é' || n END
      FROM generate_series(1, 7) d, generate_series(1, 300) n;
INSERT INTO compta.ecriture (dossier_id, le, montant) VALUES (2, '2021-01-01', 5), (4, NULL, 6);
INSERT INTO compta.piece SELECT n, n, decode(repeat('00ff', n % 50), 'hex') FROM generate_series(1, 2100) n;
INSERT INTO compta.journal SELECT n, '2011-01-01' FROM generate_series(1, 2100, 5) n;
"""
RULES: dict[str, Any] = {
    "database": "main-db",
    "keep": [{"table": ["compta", "ecriture"], "by": "le", "years": 10}],
    "drop": [
        {
            "name": "closed-files",
            "table": ["compta", "dossier"],
            "by": "cloture_le",
            "years": 5,
            "where": {"etat": "clos"},
        }
    ],
    "chunk_rows": 100,
}
ORPHANS = (
    "SELECT (SELECT count(*) FROM compta.ecriture e LEFT JOIN compta.dossier d ON d.id = dossier_id"
    " WHERE d.id IS NULL) + (SELECT count(*) FROM compta.piece p LEFT JOIN compta.ecriture e"
    " ON e.id = ecriture_id WHERE e.id IS NULL)"
)
TABLES = ("client", "dossier", "ecriture", "piece", "journal")


@dataclass
class Firm:
    """A firm whose database is full of old files."""

    move: Move
    manifest: Manifest
    disk: Path

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with self.move.legacy.connect("besa") as session:
            return session.execute(query.encode()).fetchall()

    def content(self) -> dict[str, list[tuple[Any, ...]]]:
        return {table: self.ask(f"SELECT * FROM compta.{table} ORDER BY 1, 2") for table in TABLES}


@pytest.fixture(scope="module")
def move(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Move]:
    with a_move(tmp_path_factory.mktemp("purge")) as move:
        yield move


@pytest.fixture
def firm(move: Move, tmp_path: Path) -> Firm:
    move.legacy.psql("besa", f"DROP SCHEMA IF EXISTS compta CASCADE; {SCHEMA}")
    shutil.rmtree(move.base / ".state", ignore_errors=True)
    disk = tmp_path / "disk"
    disk.mkdir()
    asked = move.manifest.model_dump(mode="json", exclude_defaults=True)
    asked["purge"] = RULES | {"archive": {"to": str(disk)}}
    return Firm(move, Manifest.model_validate(asked), disk)


@pytest.fixture
def hosts(firm: Firm) -> Iterator[Hosts]:
    firm.move.manifest = firm.manifest
    with firm.move.hosts() as hosts:
        yield hosts


def _case(hosts: Hosts) -> Case:
    return Case(hosts.workspace, hosts.manifest)


def _rows(plan: PurgePlan) -> dict[str, int]:
    return {one.table.removeprefix("compta."): one.rows for one in plan.tables}


def test_a_dry_run_counts_and_changes_nothing(firm: Firm, hosts: Hosts) -> None:
    """Old files go with all that is theirs; what is young, undated, or needed by what stays does not."""
    before = firm.content()

    plan = purging.dry_run(_case(hosts), hosts, AS_OF)

    # Files 1 and 7 go. 2 has a young entry, 5 is needed by 6, 4 was closed lately.
    assert _rows(plan) == {"dossier": 2, "ecriture": 600, "piece": 600, "journal": 120}
    assert {one.table: one.kept for one in plan.tables}["compta.ecriture"] == 1502
    assert plan.bytes > 10_000
    assert firm.content() == before
    assert not list(firm.disk.iterdir())


def test_purged_rows_come_back_as_they_were(firm: Firm, hosts: Hosts) -> None:
    """There and back, every column of every row; what refers to them is never without them."""
    case, before = _case(hosts), firm.content()
    plan = purging.dry_run(case, hosts, AS_OF)

    done = purging.purge_rows(case, hosts, plan, Told())

    assert done.deleted == plan.rows == 1322
    assert firm.ask(ORPHANS) == [(0,)]
    assert firm.ask("SELECT array_agg(id ORDER BY id) FROM compta.dossier") == [([2, 3, 4, 5, 6],)]
    (archive,) = (firm.disk / "purged").iterdir()
    assert done.archives == (archive.name,)
    # 600, 600, 120 and 2 rows in chunks of 100.
    assert len(list(archive.glob("chunk-*.age"))) == 6 + 6 + 2 + 1
    assert not any("é1".encode() in path.read_bytes() for path in archive.iterdir())
    again = purging.purge_rows(case, hosts, plan, Told())
    assert again == done

    back = purging.bring_back(case, hosts, Told())

    assert (back.rows, back.there) == (plan.rows, 0)
    assert firm.content() == before
    again_back = purging.bring_back(case, hosts, Told())
    assert (again_back.rows, again_back.there) == (0, plan.rows)
    assert firm.content() == before


def test_what_changed_since_the_dry_run_is_looked_at_again(firm: Firm, hosts: Hosts) -> None:
    """A file that was opened again meanwhile is not deleted on a signature that was for something else."""
    case = _case(hosts)
    plan = purging.dry_run(case, hosts, AS_OF)
    firm.move.legacy.psql("besa", "UPDATE compta.dossier SET etat = 'ouvert' WHERE id = 7")
    before = firm.content()
    with pytest.raises(DifferenceError, match=r"compta.dossier: 0 rows would go, the dry run counted 2"):
        purging.purge_rows(case, hosts, plan, Told())
    assert firm.content() == before


def test_a_purge_that_ends_before_it_deleted_is_begun_anew(
    firm: Firm, hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ended between archive and deletion, nothing went; the repeat deletes once, and both archives count."""
    case, before = _case(hosts), firm.content()
    plan = purging.dry_run(case, hosts, AS_OF)

    def ended(*_: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(PostgresqlSelection, "delete", ended)
        with pytest.raises(KeyboardInterrupt):
            purging.purge_rows(case, hosts, plan, Told())
    assert firm.content() == before
    assert case.read_evidence("purge", Purged).deleted == 0

    done = purging.purge_rows(case, hosts, plan, Told())

    assert (len(done.archives), done.deleted) == (2, plan.rows)
    purging.bring_back(case, hosts, Told())
    assert firm.content() == before


def test_a_full_or_missing_disk_deletes_nothing(
    firm: Firm, hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no archive can be written, or only half of one, no row goes."""
    case, before = _case(hosts), firm.content()
    plan = purging.dry_run(case, hosts, AS_OF)
    flush = os.fsync

    def flush_until_full(handle: int) -> None:
        if Path(f"/proc/self/fd/{handle}").resolve().name == "chunk-000003.age.part":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        flush(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", flush_until_full)
        with pytest.raises(TransferError, match=r"chunk-000003\.age was not written: the disk is full"):
            purging.purge_rows(case, hosts, plan, Told())
    assert firm.content() == before
    firm.disk.rename(firm.disk.with_name("pulled"))
    with pytest.raises(TransferError, match="is not there, so no rows can be kept on it"):
        purging.purge_rows(case, hosts, plan, Told())
    assert firm.content() == before


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("flip", "chunk-000003.age is not what was written"),
        ("swap", "chunk-000003.age is"),
        ("missing", "chunk-000003.age is missing"),
        ("manifest", "manifest.json was not signed with the ticket"),
    ],
)
def test_a_damaged_archive_brings_nothing_back(firm: Firm, hosts: Hosts, fault: str, says: str) -> None:
    """Each fault is named, and not one row is put back of an archive that has one."""
    case = _case(hosts)
    done = purging.purge_rows(case, hosts, purging.dry_run(case, hosts, AS_OF), Told())
    folder = firm.disk / "purged" / done.archives[0]
    chunk, other = folder / "chunk-000003.age", folder / "chunk-000004.age"
    if fault == "flip":
        content = bytearray(chunk.read_bytes())
        content[len(content) // 2] ^= 1
        chunk.write_bytes(content)
    elif fault == "swap":
        first, second = chunk.read_bytes(), other.read_bytes()
        chunk.write_bytes(second)
        other.write_bytes(first)
    elif fault == "missing":
        chunk.unlink()
    else:
        text = (folder / "manifest.json").read_text()
        (folder / "manifest.json").write_text(text.replace('"rows": 100', '"rows": 99', 1))
    left = firm.content()
    with pytest.raises(TransferError) as told:
        purging.bring_back(case, hosts, Told())
    assert says in told.value.what
    assert firm.content() == left


def test_rules_that_do_not_fit_are_told_at_once(firm: Firm, hosts: Hosts) -> None:
    """A column that tells no age, a table that is not there, one without a key, and one kept in vain."""
    firm.move.legacy.psql(
        "besa", "CREATE TABLE compta.note (dossier_id int REFERENCES compta.dossier, texte text)"
    )
    asked = firm.manifest.model_dump(mode="json", exclude_defaults=True)
    asked["purge"]["keep"] += [
        {"table": ["compta", "client"], "by": "nom", "years": 3},
        {"table": ["compta", "nulle"], "by": "le", "years": 3},
    ]
    case = Case(hosts.workspace, Manifest.model_validate(asked))
    with pytest.raises(Refused) as refused:
        purging.dry_run(case, hosts, AS_OF)
    for line in (
        "compta.client.nom is text, which tells no age",
        "there is no column le of a table compta.nulle",
        "compta.note has no primary key",
        "compta.client is kept, yet no rule that drops could take rows of it",
    ):
        assert line in refused.value.what


def test_the_steps_of_a_playbook_count_purge_and_give_back(firm: Firm, hosts: Hosts) -> None:
    """The dry run is written for a signature; a move that is given up leaves legacy as it was."""
    stacks = hosts.workspace.stacks
    stacks.mkdir(exist_ok=True)
    shutil.copy(EXAMPLE / "stacks" / "rates.yaml", stacks / "rates.yaml")
    ctx, before = firm.move.context(hosts), firm.content()

    said = steps.plan_purge(ctx)

    assert said["rows"] > 0
    assert ctx.case.document("purge.pdf").read_bytes().startswith(b"%PDF-")
    assert facts.holding(ctx.case.journal) == {"purges"}
    assert steps.purge_legacy(ctx)["rows"] == said["rows"]
    assert firm.content() != before
    assert steps.restore_purged(ctx)["rows"] == said["rows"]
    assert firm.content() == before
