"""The freeze and its lease, on a real PostgreSQL server and a real sshd."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from time import monotonic

import psycopg
import pytest

from migrate.connections import Hosts
from migrate.errors import FreezeError
from migrate.freeze import (
    begin_lease,
    commit_freeze,
    freeze,
    keep_alive,
    leases,
    require_held,
    unfreeze,
)
from migrate.lease import LeaseLost
from migrate.remote_jobs import Job
from migrate.waiting import wait_until
from tests.support.moves import Move, a_move

CONTROL = """#!/bin/sh
# A connector's control command that only remembers.
echo "$*" >> bin/asked
echo '{}'
"""


@pytest.fixture(scope="module")
def move(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Move]:
    interface = {"name": "meds-push", "kind": "https", "host": "server", "control": "bin/meds-push"}
    with a_move(tmp_path_factory.mktemp("freeze"), interfaces=[interface]) as move:
        control = move.legacy.folder / "bin" / "meds-push"
        control.parent.mkdir()
        control.write_text(CONTROL)
        control.chmod(0o755)
        move.legacy.psql(
            "besa",
            "CREATE TABLE resident (id int PRIMARY KEY, name text);"
            "CREATE ROLE nurse LOGIN PASSWORD 'none'; GRANT ALL ON resident TO nurse",
        )
        yield move


@pytest.fixture
def hosts(move: Move) -> Iterator[Hosts]:
    """Connections; whatever a test froze is lifted after it, and what it set is set back."""
    with move.hosts() as hosts:
        yield hosts
        unfreeze(move.context(hosts))
        move.legacy.psql(
            "postgres",
            "ALTER DATABASE besa RESET ALL; ALTER ROLE nurse RESET ALL;"
            "ALTER ROLE nurse IN DATABASE besa RESET ALL",
        )
        (move.legacy.folder / "bin" / "asked").unlink(missing_ok=True)
        hosts.legacy("server").run("rm -rf .bascule/lease", hide=True, in_stream=False)


def _writes(move: Move) -> bool:
    """Whether a new client can write now; one that is ended at a lift cannot."""
    try:
        with move.legacy.connect("besa") as client:
            client.execute("INSERT INTO resident SELECT COALESCE(max(id), 0) + 1, 'é' FROM resident")
    except (psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.AdminShutdown):
        return False
    return True


def test_frozen_legacy_reads_but_does_not_write(move: Move, hosts: Hosts) -> None:
    """After a freeze nobody can write, everybody can read, and older sessions are gone and listed."""
    old = move.legacy.connect("besa", application_name="ward pc")
    old.execute("BEGIN")
    old.execute("INSERT INTO resident VALUES (-1, 'half done')")

    evidence = freeze(move.context(hosts, params={"grace_seconds": 0.2}))

    with pytest.raises(psycopg.OperationalError):
        old.execute("COMMIT")
    assert not _writes(move)
    with move.legacy.connect("besa") as client:
        row = client.execute("SELECT count(*) FROM resident WHERE id = -1").fetchone()
    assert row == (0,)
    (ended,) = evidence.databases[0].ended
    assert (ended.application, ended.had_written) == ("ward pc", True)
    assert ended.transaction_seconds is not None


def test_a_transaction_that_ends_in_time_is_kept(move: Move, hosts: Hosts) -> None:
    """A transaction that is open at the freeze may finish within the grace; its rows are there."""
    writer = move.legacy.connect("besa")
    writer.execute("BEGIN")
    writer.execute("INSERT INTO resident VALUES (-2, 'in time')")
    finished = threading.Timer(0.5, writer.execute, ["COMMIT"])
    finished.start()

    freeze(move.context(hosts, params={"grace_seconds": 10}))

    finished.join()
    writer.close()
    with move.legacy.connect("besa") as client:
        assert client.execute("SELECT name FROM resident WHERE id = -2").fetchone() == ("in time",)


def test_freezing_twice_and_unfreezing_restores_what_was_set(move: Move, hosts: Hosts) -> None:
    """A repeated freeze keeps what was set before it, and unfreezing puts back exactly that."""
    move.legacy.psql(
        "postgres",
        "ALTER DATABASE besa SET default_transaction_read_only = off;"
        "ALTER ROLE nurse SET default_transaction_read_only = off",
    )
    first, second = freeze(move.context(hosts)), freeze(move.context(hosts))
    assert timedelta(0) <= first.frozen_at - second.frozen_at < timedelta(seconds=5)
    assert not _writes(move)
    during = move.legacy.connect("besa")

    unfreeze(move.context(hosts))

    assert _writes(move)
    with pytest.raises(psycopg.OperationalError):
        during.execute("SELECT 1")  # it would have stayed read-only
    with move.legacy.connect("besa") as client:
        left = client.execute(
            "SELECT setrole::regrole::text, setconfig FROM pg_db_role_setting ORDER BY 1"
        ).fetchall()
    assert left == [
        ("-", ["default_transaction_read_only=off"]),
        ("nurse", ["default_transaction_read_only=off"]),
    ]
    unfreeze(move.context(hosts))
    assert _writes(move)


def test_a_role_of_its_own_mind_is_frozen_too(move: Move, hosts: Hosts) -> None:
    """A role that is set to write everywhere cannot write in the frozen database."""
    move.legacy.psql("postgres", "ALTER ROLE nurse SET default_transaction_read_only = off")
    freeze(move.context(hosts))
    with (
        psycopg.connect(
            move.legacy.local("besa").replace("user=postgres", "user=nurse"), password="none"
        ) as nurse,
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
    ):
        nurse.execute("INSERT INTO resident VALUES (-3, 'x')")


def test_a_lease_that_nobody_renews_is_lifted_by_the_host(move: Move, hosts: Hosts) -> None:
    """Without renewal the host lifts the freeze and releases the interfaces alone; going live is over."""
    context = move.context(hosts, params={"lease_seconds": 3})
    freeze(context)
    assert not _writes(move)
    begun = monotonic()

    assert wait_until(lambda: _writes(move), deadline_seconds=20)

    assert 1 < monotonic() - begun < 15
    lease = leases(context)[0]
    assert wait_until(lambda: lease.look().state == "lifted", deadline_seconds=20)
    asked = (move.legacy.folder / "bin" / "asked").read_text().splitlines()
    assert asked[-3:] == ["hold", "repoint --back", "release"]
    with pytest.raises(FreezeError, match=r"server lifted the freeze of realisation-1 at .*nobody renewed"):
        commit_freeze(context)
    with pytest.raises(LeaseLost):
        require_held(context)
    with pytest.raises(LeaseLost):
        freeze(context)
    assert not (move.legacy.folder / ".bascule/lease/alpenblick/secret-main-db").exists()
    # A new attempt begins afresh.
    freeze(move.context(hosts, attempt="realisation-2"))
    assert not _writes(move)
    unfreeze(context)


def test_a_renewed_lease_outlives_its_seconds(move: Move, hosts: Hosts) -> None:
    """While somebody renews it, the lease holds, even when its keeper was killed."""
    context = move.context(hosts, params={"lease_seconds": 3})
    freeze(context)
    Job(hosts.legacy("server"), "keeper-alpenblick").discard()
    begun = monotonic()
    with keep_alive(context) as renewal:
        assert not wait_until(lambda: monotonic() - begun > 5 and _writes(move), deadline_seconds=6)
        assert renewal.lost == {}
    require_held(context)
    assert wait_until(lambda: _writes(move), deadline_seconds=20)


def test_a_committed_freeze_stays(move: Move, hosts: Hosts) -> None:
    """After the point of no return nothing lifts the freeze by itself; only a person can."""
    context = move.context(hosts, params={"lease_seconds": 3})
    freeze(context)
    first = commit_freeze(context)
    assert commit_freeze(context).committed_at == first.committed_at
    keeper = Job(hosts.legacy("server"), "keeper-alpenblick")
    assert wait_until(lambda: keeper.look().state == "finished", deadline_seconds=20)
    assert not _writes(move)
    assert not (move.legacy.folder / "bin" / "asked").exists()

    unfreeze(context)

    assert _writes(move)
    assert not (move.legacy.folder / "bin" / "asked").exists()


def test_prepared_transactions_refuse_the_freeze(move: Move, hosts: Hosts) -> None:
    """A transaction that is prepared could commit later, so the freeze is refused and says which."""
    with move.legacy.connect("besa") as client:
        client.execute("BEGIN")
        client.execute("INSERT INTO resident VALUES (-4, 'later')")
        client.execute("PREPARE TRANSACTION 'billing-7'")
    try:
        with pytest.raises(FreezeError, match=r"besa on server has prepared .*'billing-7' of postgres"):
            freeze(move.context(hosts))
        assert _writes(move)
    finally:
        move.legacy.psql("besa", "ROLLBACK PREPARED 'billing-7'")


def test_another_attempt_cannot_take_a_running_lease(move: Move, hosts: Hosts) -> None:
    """A second attempt is refused while a first one holds the freeze, and is told whose it is."""
    begin_lease(move.context(hosts))
    with pytest.raises(LeaseLost, match="server is frozen by realisation-1, not by realisation-2"):
        begin_lease(move.context(hosts, attempt="realisation-2"))


def test_a_lease_has_one_length(move: Move, hosts: Hosts) -> None:
    """A later step that names other seconds than the lease began with is refused, not passed over."""
    begin_lease(move.context(hosts, params={"lease_seconds": 40}))
    begin_lease(move.context(hosts, params={"lease_seconds": 40}))
    begin_lease(move.context(hosts))
    with pytest.raises(FreezeError, match="begun with 40 s, so 50 s count for nothing"):
        begin_lease(move.context(hosts, params={"lease_seconds": 50}))


def test_no_secret_is_readable_or_in_arguments(move: Move, hosts: Hosts) -> None:
    """The password lies in one file that only its user reads, and in no process's arguments."""
    freeze(move.context(hosts))
    lease = move.legacy.folder / ".bascule/lease/alpenblick"
    assert lease.stat().st_mode & 0o077 == 0
    assert (lease / "secret-main-db").stat().st_mode & 0o177 == 0
    password = move.legacy.superuser_password.encode()
    for cmdline in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert password not in cmdline.read_bytes()
        except OSError:
            continue
