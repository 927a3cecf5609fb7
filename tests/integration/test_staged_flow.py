"""A live move whose base copy came on a disk: what legacy wrote while it travelled flows after it."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from migrate.archive import stage
from migrate.compare.run import compare
from migrate.connections import Hosts
from migrate.databases import Database
from migrate.errors import Refused, TransferError
from migrate.transfer.contract import Task
from migrate.transfer.postgresql_live import catalogue
from migrate.transfer.postgresql_live.sessions import at_work
from migrate.transfer.postgresql_staged.joining import PostgresqlStagedLive
from tests.support.moves import Told
from tests.support.staging import HARD, Staged, a_staged_move

FLOWS = PostgresqlStagedLive()

WHILE_IT_TRAVELS = """
INSERT INTO "Pflege".leer SELECT generate_series(1, 50);
UPDATE "Pflege".ohne_schluessel SET was = 'anders';
DELETE FROM "Pflege".messung WHERE id % 3 = 0;
SELECT nextval('"Pflege".nummer') FROM generate_series(1, 30);
SELECT lo_unlink(70001), lo_from_bytea(79999, 'unterwegs');
REFRESH MATERIALIZED VIEW "Pflege".zahlen;
"""


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staged]:
    with a_staged_move(tmp_path_factory.mktemp("staged"), HARD) as staged:
        yield staged


@pytest.fixture
def hosts(staged: Staged) -> Iterator[Hosts]:
    with staged.move.hosts() as hosts:
        yield hosts


def task(staged: Staged, hosts: Hosts) -> Task:
    """As the site's mover, who is a superuser."""
    target = Database("besa on site", staged.move.site.endpoint("besa"), hosts.target())
    return replace(staged.task(hosts), target=target)


def found(work: Task) -> catalogue.Catalogue:
    with at_work(work.source) as (source,):
        return catalogue.as_found(source)


def test_changes_flow_from_where_the_dump_ended(staged: Staged, hosts: Hosts) -> None:
    """What was written while the disk travelled arrives; the way back is armed; legacy is left as found."""
    work = task(staged, hosts)
    before = found(work)
    made = staged.out(hosts, live=True)
    assert [item.flows for item in made.items] == [True, False]
    (kept,) = stage.kept_on_legacy(staged.case, hosts, made).values()
    assert kept.startswith("keeps ")
    assert "without a limit: until its disk is full" in kept
    staged.move.legacy.psql("postgres", "ALTER SYSTEM SET max_slot_wal_keep_size = '2GB'")
    staged.move.legacy.psql("postgres", "SELECT pg_reload_conf()")
    (kept,) = stage.kept_on_legacy(staged.case, hosts, made).values()
    assert re.fullmatch(r"keeps \d+ MiB of log, and \d{4} MiB more .* about \d+ h at the rate so far", kept)
    staged.move.legacy.psql("postgres", "ALTER SYSTEM RESET max_slot_wal_keep_size")
    staged.move.legacy.psql("postgres", "SELECT pg_reload_conf()")
    staged.move.legacy.psql("besa", WHILE_IT_TRAVELS)
    staged.load(hosts)

    assert stage.followed(staged.case, hosts) == []
    copied = FLOWS.copy(work, Told())
    staged.move.legacy.psql("besa", 'INSERT INTO "Pflege".leer VALUES (99)')

    assert FLOWS.copy(work, Told()) == copied
    assert FLOWS.flow(work).state == "flowing"
    FLOWS.catch_up(work, Told(), within_seconds=10, timeout_seconds=60)
    assert stage.followed(staged.case, hosts) == ["main-db"]
    FLOWS.drain(work, timeout_seconds=30)
    FLOWS.settle(work)
    compared = compare(work.name, work.source, work.target, target_role=work.owner)
    assert [table.name for table in compared.differing_tables] == []
    assert [f"{one.kind} {one.name}" for one in compared.differences if "bascule" not in one.name] == []
    FLOWS.make_ready(work)
    FLOWS.turn(work, timeout_seconds=30)
    assert FLOWS.flow(work.turned()).state == "flowing"

    assert FLOWS.end(work) == ()
    assert catalogue.differences(before, found(work)) == ()


def test_only_the_newest_archive_may_flow_and_release_leaves_legacy_as_found(
    staged: Staged, hosts: Hosts, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The changes legacy keeps begin at the newest dump: an older one is refused before it is restored."""
    work, disk = task(staged, hosts), str(tmp_path_factory.mktemp("disk"))
    FLOWS.empty(work)
    stage.release(staged.case, hosts)
    before = found(work)
    older = staged.out(hosts, disk, live=True)
    staged.load(hosts, disk, archive=older.archive)
    staged.out(hosts, disk, live=True)

    with pytest.raises(TransferError, match="another archive was made since"):
        FLOWS.copy(work, Told())
    with pytest.raises(Refused, match="is complete in itself"):
        staged.out(hosts, disk, live=True, since=older.archive)

    assert stage.release(staged.case, hosts) == {"main-db": ()}
    assert catalogue.differences(before, found(work)) == ()
    with pytest.raises(TransferError, match=r"slot bascule_\w+ is gone"):
        FLOWS.copy(work, Told())
