"""Traps of moves that are at work: a cut line, a full disk, a password that expires, changed definitions."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from migrate.errors import TransferError
from migrate.transfer.postgresql_live import PostgresqlLive
from migrate.transfer.postgresql_live.drain import drain
from migrate.transfer.postgresql_live.ending import end
from migrate.transfer.postgresql_live.health import Health, health
from migrate.transfer.postgresql_live.sessions import both_at_work
from migrate.transfer.postgresql_live.stream import streams
from migrate.transfer.postgresql_live.turn import turn
from migrate.waiting import wait_until
from tests.support.line import Line
from tests.support.live import LiveMove, a_live_move, begin
from tests.support.private_hosts import PrivateHost

WAY = PostgresqlLive()
_MEGABYTE = "INSERT INTO keyed SELECT %s, string_agg(md5(random()::text), '') FROM generate_series(1, 32768)"
"""A row that no server can make smaller."""
SCHEMA = "CREATE TABLE keyed (id int PRIMARY KEY, v text);"
ROWS = "SELECT * FROM keyed ORDER BY 1"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveMove]:
    with a_live_move(tmp_path_factory.mktemp("traps"), SCHEMA, begun=False) as live:
        yield live


@pytest.fixture
def live(servers: LiveMove) -> Iterator[LiveMove]:
    """Changes flow anew, from legacy to the site, and both sides are empty."""
    for host in (servers.legacy, servers.site):
        servers.do(host, "TRUNCATE keyed")
    begin(servers.task)
    yield servers
    end(servers.task)


def seen(live: LiveMove, back: bool = False) -> Health:
    task = live.task.turned() if back else live.task
    with both_at_work(task) as ((source,), (target,)):
        (stream,) = streams(task, source, target)
        return health(stream, source, target)


def becomes(live: LiveMove, state: str, back: bool = False) -> bool:
    return wait_until(lambda: seen(live, back).state == state, deadline_seconds=30)


def armed(live: LiveMove) -> None:
    drain(live.task, timeout_seconds=20)
    turn(live.task, timeout_seconds=20)


@pytest.mark.parametrize("which", ["legacy", "site"])
def test_a_cut_line_loses_nothing(servers: LiveMove, which: str) -> None:
    """Cut while changes flow, in the drain, and while armed: told in time, and nothing is missing later."""
    source, target = servers.task.source, servers.task.target
    line = Line(servers.legacy if which == "legacy" else servers.site)
    side = source if which == "legacy" else target
    through = replace(side, endpoint=replace(side.endpoint, port=line.port), kept=None)
    task = (
        replace(servers.task, source=through) if which == "legacy" else replace(servers.task, target=through)
    )
    live = replace(servers, task=task)
    for host in (servers.legacy, servers.site):
        servers.do(host, "TRUNCATE keyed")
    begin(task)
    try:
        line.cut()
        servers.do(servers.legacy, "INSERT INTO keyed VALUES (1, 'while cut')")
        with pytest.raises(Exception, match=r"besa on (server|site)") as raised:
            drain(task, timeout_seconds=3)
        assert "BasculeError" in {kind.__name__ for kind in type(raised.value).__mro__}
        line.mend()
        armed(live)
        assert servers.rows(servers.site, ROWS) == [(1, "while cut")]

        line.cut()
        servers.do(servers.site, "INSERT INTO keyed VALUES (2, 'armed and cut')")
        line.mend()
        both = [(1, "while cut"), (2, "armed and cut")]
        assert servers.arrives(servers.legacy, ROWS, both, seconds=30)
    finally:
        line.mend()
        end(task)
        line.close()


@contextmanager
def _small_disk(host: PrivateHost, megabytes: int = 1) -> Iterator[str]:
    """The database's tables lie on a disk of so many MB, until this is left; its folder."""
    folder = host.folder / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=777", "none", folder], check=True)
    try:
        (folder / "space").mkdir()
        subprocess.run(["chown", "postgres:postgres", folder / "space"], check=True)
        host.psql("postgres", f"CREATE TABLESPACE small LOCATION '{folder}/space'")
        host.psql("besa", "ALTER TABLE keyed SET TABLESPACE small")
        yield str(folder)
    finally:
        host.psql("besa", "ALTER TABLE keyed SET TABLESPACE pg_default")
        host.psql("postgres", "DROP TABLESPACE small")
        subprocess.run(["umount", folder], check=True)
        folder.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT RUN: only root can mount a small disk")
@pytest.mark.parametrize("which", ["legacy", "site"])
def test_a_full_disk_stops_the_flow_and_loses_nothing(live: LiveMove, which: str) -> None:
    """On the site on the way there, on legacy on the way back: told as broken; with room made it goes on."""
    back = which == "legacy"
    if back:
        armed(live)
    writer, reader = (live.site, live.legacy) if back else (live.legacy, live.site)
    with _small_disk(reader) as disk:
        live.do(writer, "INSERT INTO keyed SELECT n, repeat('x', 1000) FROM generate_series(1, 3000) n")
        assert wait_until(lambda: "a change cannot be applied" in seen(live, back).says, deadline_seconds=30)
        assert live.rows(reader, "SELECT count(*) FROM keyed") == [(0,)]

        subprocess.run(["mount", "-o", "remount,size=200m", disk], check=True)

        assert live.arrives(reader, "SELECT count(*) FROM keyed", [(3000,)], seconds=60)
        assert becomes(live, "flowing", back)
        live.do(writer, "TRUNCATE keyed")
        assert live.arrives(reader, "SELECT count(*) FROM keyed", [(0,)], seconds=60)


@contextmanager
def _small_log(host: PrivateHost, megabytes: int) -> Iterator[Path]:
    """The server's log lies on a disk of so many MB, until this is left; its folder."""
    folder, log = host.folder / "log", host.folder / "pg" / "pg_wal"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=777", "none", folder], check=True)
    try:
        host.stop_postgres()
        subprocess.run(["cp", "-a", log, folder / "pg_wal"], check=True)
        shutil.rmtree(log)
        log.symlink_to(folder / "pg_wal")
        host.start_postgres()
        yield folder
    finally:
        host.stop_postgres()
        log.unlink()
        subprocess.run(["cp", "-a", folder / "pg_wal", log], check=True)
        subprocess.run(["umount", folder], check=True)
        folder.rmdir()
        host.start_postgres()


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT RUN: only root can mount a small disk")
def test_a_log_that_fills_the_disk_is_foreseen_and_loses_nothing(live: LiveMove) -> None:
    """While the site is away legacy keeps log for it: the room is told, and what was acknowledged arrives."""
    for name, size in (("max_wal_size", "64MB"), ("min_wal_size", "32MB")):
        live.legacy.psql("postgres", f"ALTER SYSTEM SET {name} = '{size}'")
    acknowledged = 0
    with _small_log(live.legacy, megabytes=192) as disk:
        room = WAY.flow(live.task).room_bytes
        assert room is not None
        assert room < 192 << 20
        live.site.stop_postgres()
        with suppress(psycopg.Error), live.legacy.connect("besa") as session:
            for number in range(400):
                session.execute(_MEGABYTE, (number,))
                acknowledged = number + 1
        assert 20 < acknowledged < 400, "its disk is not full"
        subprocess.run(["mount", "-o", "remount,size=2g", disk], check=True)
        live.legacy.stop_postgres()
        live.legacy.start_postgres()
        live.site.start_postgres()
        wanted = live.rows(live.legacy, "SELECT count(*), max(id) FROM keyed")
        assert wanted[0][0] >= acknowledged
        assert live.arrives(live.site, "SELECT count(*), max(id) FROM keyed", wanted, seconds=60)
        assert becomes(live, "flowing")
        live.do(live.legacy, "TRUNCATE keyed", "CHECKPOINT")
    for name in ("max_wal_size", "min_wal_size"):
        live.legacy.psql("postgres", f"ALTER SYSTEM RESET {name}")


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT RUN: only root can mount a small disk")
def test_a_long_transaction_that_always_fails_is_not_taken_for_busy(live: LiveMove) -> None:
    """It fails only at its end, and is applied anew each time: whenever one looks, it is told as broken."""
    with _small_disk(live.site, megabytes=40) as disk:
        many = "INSERT INTO keyed SELECT n, repeat('x', 1000) FROM generate_series(1, 60000) n"
        live.do(live.legacy, many)
        assert becomes(live, "broken")
        assert [seen(live).state for _ in range(6)] == ["broken"] * 6

        subprocess.run(["mount", "-o", "remount,size=400m", disk], check=True)

        assert becomes(live, "flowing")
        assert live.arrives(live.site, "SELECT count(*) FROM keyed", [(60000,)], seconds=60)
        live.do(live.legacy, "TRUNCATE keyed")
        assert live.arrives(live.site, "SELECT count(*) FROM keyed", [(0,)], seconds=60)


def test_a_password_that_expires_on_the_way_is_told(live: LiveMove) -> None:
    """The flow counts as broken at once, by name, also while its session lives; once mended it goes on."""
    (role,) = live.rows(live.legacy, "SELECT rolname::text FROM pg_roles WHERE rolname ~ '^bascule_'")[0]
    live.do(live.legacy, f"ALTER ROLE {role} VALID UNTIL '2001-01-01'")
    assert seen(live).state == "broken"
    assert f"the password of role {role} has expired" in seen(live).says
    live.do(live.legacy, "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots")
    live.do(live.legacy, "INSERT INTO keyed VALUES (0, 'x')")
    with pytest.raises(TransferError, match="has expired"):
        drain(live.task, timeout_seconds=5)

    live.do(live.legacy, f"ALTER ROLE {role} VALID UNTIL 'infinity'", "INSERT INTO keyed VALUES (1, 'x')")

    assert becomes(live, "flowing")
    assert live.arrives(live.site, ROWS, [(0, "x"), (1, "x")])


def test_definitions_that_change_while_armed_are_told(live: LiveMove) -> None:
    """A column that only one side has, then a row that needs it: broken until both sides are alike."""
    armed(live)
    live.do(live.site, "ALTER TABLE keyed ADD late int", "INSERT INTO keyed VALUES (1, 'x', 7)")
    try:
        assert becomes(live, "broken", back=True)
        with pytest.raises(TransferError, match="does not flow"):
            drain(live.task.turned(), timeout_seconds=20)
        live.do(live.legacy, "ALTER TABLE keyed ADD late int")
        assert live.arrives(live.legacy, ROWS, [(1, "x", 7)], seconds=30)
        assert becomes(live, "flowing", back=True)
    finally:
        for host in (live.site, live.legacy):
            live.do(host, "ALTER TABLE keyed DROP COLUMN IF EXISTS late")
