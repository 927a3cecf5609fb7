"""Restoring what arrived in an archive: the contract of a transfer, its source out of reach."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from pydantic import SecretStr

from migrate.archive.area import Area, clear
from migrate.connections import Hosts
from migrate.databases import Endpoint
from migrate.errors import TransferError
from migrate.transfer import postgresql_staged
from migrate.transfer.contract import Task, Transfer
from migrate.transfer.postgresql_staged import PostgresqlStaged
from tests.support.moves import Told
from tests.support.staging import HARD, TENANT, Staged, a_staged_move

STAGED: Transfer = PostgresqlStaged()


class Killed(BaseException):
    """The operator's process ends here; nothing of it cleans up."""


class Dies(Told):
    """A progress under which the operator dies as soon as the restore reports anything."""

    def advance_to(self, done: float) -> None:
        raise Killed


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staged]:
    with a_staged_move(tmp_path_factory.mktemp("staged"), HARD) as staged:
        with staged.move.hosts() as hosts:
            staged.out(hosts)
            staged.load(hosts)
        yield staged


@pytest.fixture
def hosts(staged: Staged) -> Iterator[Hosts]:
    with staged.move.hosts() as hosts:
        yield hosts
        STAGED.empty(work(staged, hosts))


def work(staged: Staged, hosts: Hosts, attempt: str = "realisation-1") -> Task:
    """The task, its source gone: whoever asked it would be refused."""
    task = staged.task(hosts, attempt)
    nowhere = Endpoint("127.0.0.1", 9, "besa", "postgres", SecretStr("none"), task.source.endpoint.ca)
    return replace(task, source=replace(task.source, endpoint=nowhere))


def rows(staged: Staged, table: str) -> int:
    with staged.move.site.connect("besa") as session:
        row = session.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert row is not None
    return int(str(row[0]))


def owned(staged: Staged) -> int:
    return rows(staged, "pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE r.rolname = 'app_owner'")


def test_a_repeat_restores_nothing_again(staged: Staged, hosts: Hosts) -> None:
    """What an attempt has restored stays as it is; another attempt begins with an empty target."""
    STAGED.copy(work(staged, hosts), Told())
    staged.move.site.psql("besa", """INSERT INTO "Pflege".leer VALUES (7)""")

    told = Told()
    STAGED.copy(work(staged, hosts), told)
    assert told.lines == ["main-db: restore (attached)"]
    assert rows(staged, '"Pflege".leer') == 1

    STAGED.copy(work(staged, hosts, "realisation-2"), Told())
    assert rows(staged, '"Pflege".leer') == 0


def test_a_restore_goes_on_after_the_operator_died(staged: Staged, hosts: Hosts) -> None:
    """Killed in the middle, the next start attaches to the job; undone, nothing of the owner's is left."""
    with pytest.raises(Killed):
        STAGED.copy(work(staged, hosts), Dies())
    told = Told()
    copied = STAGED.copy(work(staged, hosts), told)
    assert told.lines == ["main-db: restore (attached)"]
    assert copied.tables >= 8
    assert rows(staged, '"Pflege"."Bewohnerübersicht"') == 500

    STAGED.empty(work(staged, hosts))
    STAGED.empty(work(staged, hosts))

    assert owned(staged) == 0
    jobs = staged.move.site.folder / ".bascule" / "jobs"
    assert list(jobs.iterdir()) == []
    assert Area(hosts.target(), TENANT, "database", "main-db").arrived().files > 8


def test_the_estimate_tells_the_source_as_it_was_dumped(
    staged: Staged, hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Size is told without the source; too little room is refused before the target is emptied."""
    estimate = STAGED.estimate(work(staged, hosts))
    assert estimate.fits
    assert estimate.bytes > 5_000_000
    staged.move.site.psql("besa", "CREATE TABLE public.alt (); ALTER TABLE public.alt OWNER TO app_owner")

    monkeypatch.setattr(postgresql_staged, "HEADROOM_BYTES", 1 << 60)
    with pytest.raises(TransferError, match=r"MiB free, main-db needs \d+ MiB"):
        STAGED.copy(work(staged, hosts), Told())

    assert rows(staged, "pg_class WHERE relname = 'alt'") == 1


def test_what_arrived_can_be_cleared_away(staged: Staged) -> None:
    """After stage-clear the host holds nothing of the tenant's archives, and says so when asked."""
    with staged.move.hosts() as hosts:
        clear(hosts.target(), TENANT)
        assert list((staged.move.site.folder / ".bascule" / "staged").iterdir()) == []
        with pytest.raises(TransferError, match="no archive was loaded"):
            STAGED.estimate(work(staged, hosts))
        clear(hosts.target(), TENANT)
