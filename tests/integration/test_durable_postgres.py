"""Runs whose database is a PostgreSQL server, as a team shares one."""

from pathlib import Path

import pytest

from migrate.errors import Refused
from tests.support.private_hosts import private_host
from tests.support.tiny import Tiny


def test_a_run_is_taken_up_and_no_other_is_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed, then gone on with, on PostgreSQL; another workspace that shares the server leaves it alone."""
    mine, other = (Tiny.make(tmp_path / name).signed() for name in ("mine", "other"))
    with private_host("team", tmp_path) as host:
        server = f"{host.address}:{host.pg_port}/bascule?sslmode=require"
        monkeypatch.setenv(
            "BASCULE_DATABASE_URL", f"postgresql://postgres:{host.superuser_password}@{server}"
        )
        mine.order(copy_databases=["die"])
        status, said = mine.spawn()
        assert status == -9, said
        mine.trace()

        with pytest.raises(
            Refused, match="the run database knows alpenblick:preparation:1, which the journal"
        ):
            other.run()
        assert (other.trace(), mine.trace()) == ([], [])

        status, said = mine.spawn()
        assert status == 0, said
        assert mine.trace()[:3] == ["lease kept", "copy-databases", "compare-content"]
    assert not (mine.case.folder / "dbos.sqlite").exists()
