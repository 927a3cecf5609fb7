"""Names of what a live move leaves on servers for a while."""

import re
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from migrate.databases import Database, Endpoint
from migrate.transfer.contract import Task
from migrate.transfer.postgresql_live.names import ca_file, stem, stream_name

THROUGH: Any = None
"""No name is computed from the SSH connection."""


def side(name: str, port: int) -> Database:
    endpoint = Endpoint("10.0.0.1", port, "besa", "postgres", SecretStr("none"), "no authority")
    return Database(name, endpoint, THROUGH)


TASK = Task("main-db", "r-1", side("legacy", 5432), side("site", 5433), "owner", "app", tenant="alpenblick")


@pytest.mark.parametrize("tenant", ["alpenblick", "Gemeinde Münchenbuchsee " * 5, "", "x-y", "_"])
def test_a_name_fits_every_kind_of_object(tenant: str) -> None:
    """63 characters of what a slot's name may hold, of which the most are readable."""
    name = stream_name(replace(TASK, tenant=tenant), 999)

    assert re.fullmatch(r"bascule_[a-z0-9_]{1,55}", name)
    assert re.fullmatch(r"bascule-[0-9a-f]{16}\.pem", ca_file(name))


def test_a_name_can_be_read() -> None:
    """Whoever finds it on a server sees whose it is."""
    assert stream_name(TASK).startswith("bascule_alpenblick_main_db_")


def test_a_direction_keeps_its_name_however_often_the_move_turns() -> None:
    """Turned twice is as before, though the turned task no longer knows the site's roles."""
    assert stream_name(TASK.turned().turned()) == stream_name(TASK) != stream_name(TASK.turned())


def test_no_two_moves_share_a_name() -> None:
    """Tenants and databases that read alike are told apart, and so are the streams of one move."""
    others = [
        replace(TASK, tenant="alpenblick-main", name="db"),
        replace(TASK, name="main_db"),
        replace(TASK, tenant="Alpenblick"),
        replace(TASK, source=side("legacy", 5434)),
        TASK.turned(),
    ]

    assert len({stem(task) for task in (TASK, *others)}) == 1 + len(others)
    assert stream_name(TASK, 1) != stream_name(TASK, 2)


@pytest.mark.parametrize("number", [0, 1000])
def test_a_number_out_of_range_is_a_mistake(number: int) -> None:
    """Streams are numbered from 1; nobody has a thousand."""
    with pytest.raises(ValueError, match="numbered from 1 to 999"):
        stream_name(TASK, number)
