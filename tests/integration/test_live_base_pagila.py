"""A database that nobody here made is moved while it is at work."""

import gzip
from pathlib import Path

import pytest

from tests.support.live_copy import LIVE, Writer, settled_differences, task
from tests.support.moves import Told, a_move

PAGILA = Path(__file__).parents[3] / "shared" / "data" / "pagila.sql.gz"
WRITES = [
    "INSERT INTO rental (rental_date, inventory_id, customer_id, staff_id)"
    " VALUES (clock_timestamp(), 1 + (random() * 4000)::int, 1 + (random() * 500)::int, 1)",
    "UPDATE rental SET return_date = clock_timestamp() WHERE rental_id = (SELECT max(rental_id) FROM rental)",
    "INSERT INTO payment (customer_id, staff_id, rental_id, amount, payment_date)"
    " SELECT customer_id, staff_id, rental_id, 4.99, '2022-05-05' FROM rental"
    " WHERE rental_id = (SELECT max(rental_id) FROM rental)",
    "UPDATE film SET rental_rate = rental_rate + 0.01 WHERE film_id = 1 + (random() * 900)::int",
    "DELETE FROM payment WHERE payment_id = (SELECT min(payment_id) FROM payment)",
]


@pytest.mark.shared
def test_pagila_arrives_whole_while_it_is_written(tmp_path: Path) -> None:
    """Pagila arrives whole under a running writer: partitions, text search, views and all."""
    with a_move(tmp_path, dbname="pagila") as move, move.hosts() as hosts:
        move.legacy.psql("pagila", gzip.decompress(PAGILA.read_bytes()).decode())
        work = task(move, hosts)
        with Writer(move.legacy, "pagila", WRITES):
            copied = LIVE.copy(work, Told())
            LIVE.catch_up(work, Told(), within_seconds=5, timeout_seconds=30)
        assert copied.tables > 20
        assert copied.lanes["keyed"] == 21
        assert settled_differences(work) == []
