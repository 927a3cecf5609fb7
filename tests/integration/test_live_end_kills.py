"""The operator dies after each statement of the end of a move; then it ends all the same."""

from collections.abc import Iterator

import pytest

from migrate.transfer.postgresql_live.ending import end
from migrate.transfer.postgresql_live.turn import prepare_turn
from tests.support.live import Killed, LiveMove, a_live_move, begin, dying_after
from tests.support.live_moving import MOST_STATEMENTS, SCHEMA, Moving
from tests.support.private_hosts import PrivateHost


@pytest.fixture(scope="module")
def moving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moving]:
    with a_live_move(tmp_path_factory.mktemp("kills"), SCHEMA) as live:
        yield Moving(live)


def test_end_killed_after_each_statement_still_leaves_nothing(moving: Moving) -> None:
    """Ending a move may be repeated from anywhere: at last nothing of Bascule is on either side."""
    for after in range(1, MOST_STATEMENTS):
        prepare_turn(moving.task)
        try:
            with dying_after(after):
                end(moving.live.task)
        except Killed:
            killed = True
        else:
            killed = False
        assert end(moving.live.task) == ()
        for host in (moving.live.legacy, moving.live.site):
            assert traces(moving.live, host) == []
        moving.task = moving.live.task
        begin(moving.task)
        if not killed:
            return
    pytest.fail(f"more than {MOST_STATEMENTS} statements")


def traces(live: LiveMove, host: PrivateHost) -> list[str]:
    """Everything whose name says that it is Bascule's, asked of the server without Bascule's own query."""
    names = " UNION ALL ".join(
        f"SELECT {column}::text FROM {table} WHERE {column} ~ '^bascule'"
        for table, column in (
            ("pg_publication", "pubname"),
            ("pg_subscription", "subname"),
            ("pg_replication_slots", "slot_name"),
            ("pg_roles", "rolname"),
            ("pg_namespace", "nspname"),
            ("pg_ls_dir('.') AS f (name)", "name"),
        )
    )
    full = "SELECT relname FROM pg_class WHERE relreplident = 'f'"
    return [row[0] for row in live.rows(host, f"{names} UNION ALL {full}")]
