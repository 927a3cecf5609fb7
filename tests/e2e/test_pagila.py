"""A database that nobody here made goes the whole way, by the playbook as it ships."""

import gzip
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from migrate import door, status
from migrate.assess import Assessment
from migrate.compare.verdict import Comparison
from migrate.connections import Hosts
from migrate.databases import site_database
from migrate.rehearsal.evidence import Rehearsal
from migrate.verify import GoLive
from provisioning.engine import Stack
from tests.support.e2e import Operator, signing_keys
from tests.support.local_sites import CHECKOUT, local_workspace, manifest, temporary
from tests.support.private_hosts import PrivateHost, private_host

pytestmark = [pytest.mark.shared, pytest.mark.timeout(900)]

TENANT = "pagila"
VENDOR = "vera@vendor.example"
DUMP = CHECKOUT.parent / "shared" / "data" / "pagila.sql.gz"
RENTALS = "SELECT count(*), count(DISTINCT customer_id), max(rental_date)::text FROM public.rental"
PAID = "SELECT count(*), sum(amount)::text FROM public.payment"
CORRECTED = "SELECT film_id, description, rating::text FROM public.film WHERE film_id < 4 ORDER BY film_id"
ON_THE_SITE = (
    b"INSERT INTO public.rental (rental_date, inventory_id, customer_id, staff_id) VALUES (now(), 1, 2, 1)",
    b"INSERT INTO public.payment (customer_id, staff_id, rental_id, amount, payment_date)"
    b" SELECT 2, 1, max(rental_id), 4.99, '2022-02-03 04:05:06+00' FROM public.rental",
    b"UPDATE public.film SET description = 'Gek\xc3\xbcrzt', rating = 'R' WHERE film_id = 2",
    b"DELETE FROM public.film_actor WHERE film_id = 1 AND actor_id = 1",
)
ALL_ROWS = """
    SELECT sum((xpath('/row/n/text()', query_to_xml(
        format('SELECT count(*) AS n FROM %s', oid::regclass), true, true, '')))[1]::text::int)::int
    FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""


@pytest.fixture
def legacy(tmp_path: Path) -> Iterator[PrivateHost]:
    with private_host("old", tmp_path) as host:
        host.psql("postgres", "CREATE DATABASE pagila")
        host.psql("pagila", gzip.decompress(DUMP.read_bytes()).decode())
        (host.folder / "etc" / "superuser").chmod(0o600)
        (host.folder / "etc" / "ca.pem").write_text(host.ca)
        covers = host.folder / "covers" / "A–C"
        covers.mkdir(parents=True)
        for number in range(20):
            (covers / f"{number}.img").write_bytes(os.urandom(number * 1000))
        yield host


@pytest.fixture
def operator(tmp_path: Path, legacy: PrivateHost) -> Iterator[Operator]:
    workspace = local_workspace(tmp_path, TENANT)
    (tmp_path / "fabfile.py").symlink_to(CHECKOUT / "fabfile.py")
    shutil.copy(CHECKOUT / "examples/alpenblick/stacks/rates.yaml", workspace.stacks)
    described: dict[str, Any] = manifest(TENANT)
    described["window"].update(opens_at="2027-07-01T17:00:00+02:00", closes_at="2027-07-02T12:00:00+02:00")
    described["application"]["settings"]["database"] = TENANT
    described["legacy"] = {
        "hosts": [{"name": "old", "ssh_config": "old/etc/ssh_config", "ssh_alias": "old"}],
        "databases": [
            {
                "name": "rental-store",
                "host": "old",
                "port": legacy.pg_port,
                "dbname": TENANT,
                "user": "postgres",
                "password_file": "old/etc/superuser",
                "ca_file": "old/etc/ca.pem",
            }
        ],
        "files": [{"name": "covers", "host": "old", "path": "covers"}],
    }
    (workspace.stacks / f"{TENANT}.yaml").write_text(yaml.safe_dump(described, sort_keys=False))
    keys = signing_keys(workspace, described["contacts"]["responsible"]["email"], VENDOR)
    with temporary(Stack(workspace, f"{TENANT}-test")), temporary(Stack(workspace, f"{TENANT}-prod")):
        yield Operator(workspace, TENANT, keys, VENDOR)


def test_a_database_of_others_moves_whole(operator: Operator, legacy: PrivateHost) -> None:
    """Pagila, with its partitions, functions and odd names, moves by the BESA playbook, and comes back."""
    operator.do("record-request")
    operator.carry_on(until="confirm-offer")
    for about in ("confirm-offer", "agree-schedule", "check-window"):
        operator.do(about)
    said = operator.carry_on()
    assert said.code == 0, said.text

    case = operator.case
    assert [phase.state for phase in status.of(case).phases] == ["finished"] * 5 + ["on request"] * 3
    rehearsal = case.read_evidence("rehearsal", Rehearsal)
    assert rehearsal.passed, rehearsal.faults
    assert len(rehearsal.faults) >= 7
    comparison = case.read_evidence("comparison", Comparison)
    assert comparison.agrees, comparison.summary
    assert comparison.differing_rows == 0
    assert case.read_evidence("golive", GoLive).passed
    assert case.read_evidence("assessment", Assessment).mode == "live"

    with Hosts(operator.workspace, case.manifest) as hosts:
        assert door.seen_open(hosts.site())
        with site_database(hosts, role="application").opened() as site, legacy.connect(TENANT) as left:
            for query in (RENTALS, PAID):
                assert site.execute(query).fetchall() == left.execute(query).fetchall()
            assert left.execute(ALL_ROWS).fetchone() == (comparison.rows,)
            assert left.execute("SHOW default_transaction_read_only").fetchone() == ("on",)
        found = hosts.target().run(
            f"find {hosts.site().files} -type f -printf '%P %s\n' | sort", hide=True, in_stream=False
        )
    sizes = sorted(f"A–C/{number}.img {number * 1000}" for number in range(20))
    assert sorted(found.stdout.replace("covers/", "").splitlines()) == sizes
    comes_back(operator, legacy)


def comes_back(operator: Operator, legacy: PrivateHost) -> None:
    """What was rented, paid and corrected on the site is on legacy after a rollback, to the last row."""
    with (
        Hosts(operator.workspace, operator.case.manifest) as hosts,
        site_database(hosts, role="application").opened() as site,
    ):
        for statement in ON_THE_SITE:
            site.execute(statement)
        written = [site.execute(query).fetchall() for query in (RENTALS, PAID, CORRECTED)]

    said = operator.fab("rollback")

    assert said.code == 0, said.text
    back = operator.case.read_evidence("return-comparison", Comparison)
    assert (back.agrees, back.differing_rows) == (True, 0)
    with legacy.connect(TENANT) as left:
        assert [left.execute(query).fetchall() for query in (RENTALS, PAID, CORRECTED)] == written
        assert left.execute("SHOW default_transaction_read_only").fetchone() == ("off",)
        left.execute(ON_THE_SITE[0])  # the next number is free there
