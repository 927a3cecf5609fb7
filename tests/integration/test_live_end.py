"""The end of a move: both sides as they were found, and what is not is told by name."""

import json
from collections.abc import Iterator

import pytest

from migrate.databases import value
from migrate.errors import TransferError
from migrate.transfer.postgresql_live.catalogue import as_found, differences, remember
from migrate.transfer.postgresql_live.drain import drain
from migrate.transfer.postgresql_live.ending import end, let_go
from migrate.transfer.postgresql_live.sessions import at_work
from migrate.transfer.postgresql_live.turn import prepare_turn, turn
from tests.support.live import LiveMove, a_live_move, begin

SCHEMA = """
CREATE TABLE keyed (id int PRIMARY KEY, v text);
CREATE TABLE keyless (v text);
CREATE TABLE by_index (id int NOT NULL, CONSTRAINT by_id UNIQUE (id));
ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_id;
"""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveMove]:
    with a_live_move(tmp_path_factory.mktemp("end"), SCHEMA, begun=False) as live:
        yield live


def test_finalized_after_going_live_and_after_rolling_back(live: LiveMove) -> None:
    """Whatever way the move lies when it ends, nothing of it is left on either side."""
    for turns in range(3):
        with at_work(live.task.source) as (source,):
            before = as_found(source)
        begin(live.task)
        for turned in range(turns):
            task = live.task if turned % 2 == 0 else live.task.turned()
            drain(task, timeout_seconds=20)
            turn(task, timeout_seconds=20)
            let_go(task)

        assert end(live.task) == ()
        assert end(live.task) == ()  # a repeat finds nothing to do

        with at_work(live.task.source) as (source,):
            assert as_found(source) == before
        for host in (live.legacy, live.site):
            identities = (
                "SELECT relname, relreplident::text FROM pg_class WHERE relname IN ('keyless', 'by_index')"
            )
            assert sorted(live.rows(host, identities)) == [("by_index", "i"), ("keyless", "d")]
            assert live.rows(host, "SELECT name FROM pg_ls_dir('.') AS f (name) WHERE name ~ 'bascule'") == []


def test_what_is_otherwise_than_at_the_start_is_told_by_name(live: LiveMove) -> None:
    """A role, a setting, a grant, a slot, a publication and a column that came meanwhile, a line each."""
    begin(live.task)
    live.do(
        live.legacy,
        "CREATE ROLE newcomer LOGIN",
        "GRANT SELECT ON keyed TO newcomer",
        "ALTER DATABASE besa SET work_mem = '8MB'",
        "ALTER DATABASE besa SET default_transaction_read_only = on",
    )
    live.do(
        live.legacy,
        "SET default_transaction_read_only = off",
        "CREATE PUBLICATION theirs FOR TABLE keyed",
        "ALTER TABLE keyed ADD extra int",
        "SELECT pg_create_logical_replication_slot('theirs', 'pgoutput')",
    )

    left = end(live.task)
    with at_work(live.task.source) as (session,):
        session.execute("ALTER DATABASE besa RESET ALL")

    assert sorted(left) == [
        "besa on server: definition of column public.keyed.extra: was not there, is 'integer'",
        "besa on server: grants relation public.keyed: was "
        + _rights("postgres")
        + ", is "
        + _rights("postgres", "newcomer: SELECT, "),
        "besa on server: publication theirs: was not there, is 'iud public.keyed'",
        "besa on server: role newcomer: was not there, is 'LOGIN'",
        "besa on server: setting here work_mem: was not there, is '8MB'",
        "besa on server: slot theirs: was not there, is 'logical pgoutput besa'",
    ]
    live.do(
        live.legacy,
        "SELECT pg_drop_replication_slot('theirs')",
        "DROP PUBLICATION theirs",
        "ALTER TABLE keyed DROP extra",
        "DROP OWNED BY newcomer",
        "DROP ROLE newcomer",
    )


def _rights(role: str, first: str = "") -> str:
    names = ("DELETE", "INSERT", "REFERENCES", "SELECT", "TRIGGER", "TRUNCATE", "UPDATE")
    return repr(first + ", ".join(f"{role}: {name}" for name in names))


def test_a_grant_that_was_taken_back_is_no_difference(live: LiveMove) -> None:
    """Rights that were never spoken of mean the same as the same rights, spelled out."""
    with at_work(live.task.source) as (session,):
        session.execute("CREATE ROLE passing")
        before = as_found(session)
        session.execute("GRANT SELECT ON public.keyed TO passing; REVOKE SELECT ON public.keyed FROM passing")
        assert differences(before, as_found(session)) == ()
        session.execute("DROP ROLE passing")


def test_the_catalogue_is_kept_as_first_found_and_is_plain_data(live: LiveMove) -> None:
    """A repeat, or a second operator, does not take the half-changed source for how it was."""
    first = remember(live.task)
    live.do(live.legacy, "CREATE TABLE later (id int)")
    try:
        assert remember(live.task) == first
    finally:
        live.do(live.legacy, "DROP TABLE later")
    assert json.loads(json.dumps(first)) == first
    assert first["replica identity"]["public.by_index"] == "USING INDEX by_id"
    assert end(live.task) == ()


def test_a_side_out_of_reach_is_told_with_what_is_left_there(live: LiveMove) -> None:
    """A dead site does not keep the source from being left as it was found; later the rest goes too."""
    found = remember(live.task)
    begin(live.task)
    prepare_turn(live.task)
    live.site.stop_postgres()
    try:
        left = end(live.task, found)
    finally:
        live.site.start_postgres()

    (line,) = left
    assert line.startswith(
        "besa on site cannot be reached; still there: subscription bascule_alpenblick_main_db_"
    )
    assert line.endswith(", schema bascule")
    assert live.rows(live.legacy, "SELECT count(*)::int FROM pg_replication_slots") == [(0,)]
    with at_work(live.task.source) as (source,):
        assert differences(found, as_found(source)) == ()
        assert value(source, "SELECT pg_catalog.to_regnamespace('bascule')") is None
    # A new move is not hindered by what the dead one left on the site.
    begin(live.task)
    drain(live.task, timeout_seconds=20)
    assert end(live.task) == ()


def test_letting_go_while_legacy_is_down_says_what_is_left_there(live: LiveMove) -> None:
    """The site's part goes; the source's slot is named, and the same call later removes it."""
    begin(live.task)
    drain(live.task, timeout_seconds=20)
    turn(live.task, timeout_seconds=20)
    live.legacy.stop_postgres()
    try:
        with pytest.raises(
            TransferError, match="besa on server cannot be reached; still there: slot, publication"
        ):
            let_go(live.task)
    finally:
        live.legacy.start_postgres()

    assert live.rows(live.site, "SELECT count(*)::int FROM pg_subscription") == [(0,)]
    back_is_up = "SELECT count(*)::int FROM pg_stat_subscription WHERE pid IS NOT NULL"
    assert live.arrives(live.legacy, back_is_up, [(1,)])
    let_go(live.task)
    assert live.rows(live.legacy, "SELECT count(*)::int FROM pg_replication_slots") == [(0,)]
    assert end(live.task) == ()
