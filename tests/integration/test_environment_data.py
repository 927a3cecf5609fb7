"""A workbook's rows, a pilot's and a customer's KPIs in a real database."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate import environment_template, pilot
from migrate.databases import Session
from migrate.errors import MigrationError, WorkbookError
from migrate.kpis import dashboards
from migrate.kpis.definition import Kpis
from migrate.kpis.safety import faults_of
from migrate.workbook.form import Form
from migrate.workbook.loading import Rejected, differing, load
from migrate.workbook.values import Value
from migrate.workbook.writing import write
from provisioning.model_file import load_model
from tests.support.fieldpro import EXAMPLE, ROWS, owner_session, schema_sql
from tests.support.private_hosts import PrivateHost, private_host

BOTH = ("configuration", "history")


@pytest.fixture(scope="module")
def form() -> Form:
    path = EXAMPLE / "templates" / "visits" / "template.yaml"
    return load_model(path, environment_template.Description, next_step="").workbook


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateHost]:
    with private_host("site", tmp_path_factory.mktemp("environment")) as host:
        host.psql("postgres", "CREATE ROLE reader LOGIN PASSWORD 'reading'; CREATE DATABASE template_made")
        host.psql("template_made", schema_sql())
        yield host


@pytest.fixture
def session(host: PrivateHost, request: pytest.FixtureRequest) -> Iterator[Session]:
    """A session in a database of its own, set up from the template."""
    dbname = f"db_{abs(hash(request.node.name)) % 10**8}"
    host.psql("postgres", f"CREATE DATABASE {dbname} TEMPLATE template_made")
    with owner_session(host, dbname) as session:
        yield session


@pytest.fixture
def workbook(form: Form, tmp_path: Path) -> Path:
    path = tmp_path / "configuration.xlsx"
    path.write_bytes(write(form, ROWS))
    return path


def test_loading_twice_changes_nothing(session: Session, workbook: Path, form: Form) -> None:
    """Every row arrives, value for value; loading again writes none."""
    first = load(session, workbook, form, BOTH)
    assert {one.sheet: one.changed for one in first} == {name: len(rows) for name, rows in ROWS.items()}
    assert session.execute("SELECT price FROM reference.product WHERE code = 'P-100'").fetchall() == [
        (Decimal("14.50"),)
    ]
    second = load(session, workbook, form, BOTH)
    assert [(one.changed, one.removed, one.rejected) for one in second] == [(0, 0, [])] * len(form.sheets)
    assert differing(session, workbook, form) == []


def test_refused_row_is_reported_and_costs_no_other(session: Session, form: Form, tmp_path: Path) -> None:
    """A row that the site's tables refuse is left out with its reason; all others are there."""
    path = tmp_path / "some-refused.xlsx"
    many: list[list[Value]] = [[f"P-{n:04}", f"Product {n}", Decimal(n), n or 0] for n in range(300)]
    many[7][2], many[250][3] = Decimal(-1), -5
    path.write_bytes(write(form, {**ROWS, "products": many}))
    products = next(one for one in load(session, path, form, BOTH) if one.sheet == "products")
    assert (products.rows, products.changed) == (300, 297)
    told = [(one.row, one.key) for one in products.rejected]
    assert told == [(4, "P-0000"), (11, "P-0007"), (254, "P-0250")]
    assert "products" not in products.rejected[0].reason
    assert 'violates check constraint "product_price_check"' in products.rejected[1].reason
    assert differing(session, path, form, products.rejected) == []
    assert len(differing(session, path, form)) == 3
    again = next(one for one in load(session, path, form, BOTH) if one.sheet == "products")
    assert (again.changed, again.rejected) == (0, products.rejected)


def test_every_difference_is_named(session: Session, workbook: Path, form: Form) -> None:
    """A changed, a missing and an added row are each named by their key; loading again puts all right."""
    load(session, workbook, form, BOTH)
    session.execute("UPDATE reference.customer SET region = 'nord' WHERE code = 'C-0002'")
    session.execute("DELETE FROM reference.product WHERE code = 'P-200'")
    session.execute("INSERT INTO reference.list_item VALUES ('reason', 'conseil', 'Conseil')")
    assert differing(session, workbook, form) == [
        "lists reason/conseil: is not in the workbook",
        "customers C-0002: differs",
        "products P-200: is not on the site",
    ]
    changed = {one.sheet: (one.changed, one.removed) for one in load(session, workbook, form, BOTH)}
    assert changed["lists"] == (0, 1)
    assert (changed["customers"], changed["products"]) == ((1, 0), (1, 0))
    assert differing(session, workbook, form) == []


def test_row_in_use_does_not_go_away(session: Session, workbook: Path, form: Form) -> None:
    """A customer whom somebody visited cannot be left out of the workbook; nothing is changed then."""
    load(session, workbook, form, BOTH)
    session.execute("INSERT INTO reference.customer VALUES ('C-9', 'New', 'nord')")
    session.execute("INSERT INTO work.visit (mobile_user, customer) VALUES ('M-01', 'C-9')")
    session.execute("UPDATE reference.product SET name = 'changed'")
    with pytest.raises(WorkbookError, match="customers: a row that is not in the workbook is in use"):
        load(session, workbook, form, BOTH)
    assert session.execute("SELECT DISTINCT name FROM reference.product").fetchall() == [("changed",)]


def _visits(session: Session, count: int) -> None:
    for _ in range(count):
        session.execute("INSERT INTO work.visit (mobile_user, customer) VALUES ('M-01', 'C-0001')")
    session.execute(
        "INSERT INTO work.order_line (visit, product, quantity) SELECT id, 'P-100', 1 FROM work.visit"
    )


def test_pilot_is_marked_ends_by_itself_and_is_erased(session: Session, workbook: Path, form: Form) -> None:
    """Rows are marked whoever records them, none is taken after the end, and all go, with the marks."""
    load(session, workbook, form, BOTH)
    now = datetime.now(UTC)
    running = pilot.Pilot(begins_at=now, ends_at=now + timedelta(days=20))
    for _ in range(2):
        assert pilot.begin(session, ["work"], running) == ["work.order_line", "work.visit"]
    _visits(session, 3)
    session.execute("UPDATE work.visit SET bascule_pilot = false")
    assert session.execute("SELECT count(*) FROM work.visit WHERE bascule_pilot").fetchall() == [(3,)]
    ended = pilot.end_now(session, ["work"], running, datetime.now(UTC))
    assert ended.ends_at < running.ends_at
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="the pilot phase ended at"):
        _visits(session, 1)
    assert pilot.erase(session, ["work"]) == {"work.order_line": 3, "work.visit": 3}
    assert pilot.erase(session, ["work"]) == {}
    assert pilot.left_over(session, ["work"]) == []
    _visits(session, 1)
    assert session.execute("SELECT id FROM work.visit").fetchall() == [(1,)]


def test_row_that_was_not_marked_is_found(session: Session, workbook: Path, form: Form) -> None:
    """What somebody recorded past the marks stays, is named, and keeps the site from going live."""
    load(session, workbook, form, BOTH)
    now = datetime.now(UTC)
    pilot.begin(session, ["work"], pilot.Pilot(begins_at=now, ends_at=now + timedelta(days=20)))
    _visits(session, 2)
    session.execute("SET session_replication_role = replica")
    session.execute(
        "INSERT INTO work.visit (mobile_user, customer, note) VALUES ('M-02', 'C-0002', 'unseen')"
    )
    session.execute("SET session_replication_role = origin")
    pilot.erase(session, ["work"])
    (told,) = pilot.left_over(session, ["work"])
    assert told.startswith("work.visit: 1 rows, such as ")
    assert "unseen" in told


def test_unmarked_row_on_a_marked_one_is_told(session: Session, workbook: Path, form: Form) -> None:
    """An unmarked row that rests on the pilot's keeps all of it from being erased, and is named."""
    load(session, workbook, form, BOTH)
    now = datetime.now(UTC)
    pilot.begin(session, ["work"], pilot.Pilot(begins_at=now, ends_at=now + timedelta(days=20)))
    _visits(session, 1)
    session.execute("ALTER TABLE work.order_line DISABLE TRIGGER bascule_pilot")
    session.execute("UPDATE work.order_line SET bascule_pilot = false")
    with pytest.raises(MigrationError, match="a row that is not the pilot's rests on one that is"):
        pilot.erase(session, ["work"])
    assert session.execute("SELECT count(*) FROM work.visit").fetchall() == [(1,)]


@given(
    st.datetimes(min_value=datetime(2024, 1, 1), max_value=datetime(2040, 1, 1)),  # noqa: DTZ001 - made aware
    st.integers(1, 31),
    st.sampled_from(["Europe/Paris", "Africa/Dakar", "America/New_York", "Pacific/Auckland"]),
)
def test_pilot_is_never_longer_than_a_month(moment: datetime, days: int, zone: str) -> None:
    """It ends at the hour at which it began, after the agreed days, in February too not above a month."""
    begins_at = moment.replace(tzinfo=UTC)
    found = pilot.period(begins_at, days, ZoneInfo(zone))
    begins, ends = (at.astimezone(ZoneInfo(zone)) for at in (found.begins_at, found.ends_at))
    assert (ends.date() - begins.date()).days <= days
    assert (ends.year - begins.year) * 12 + ends.month - begins.month <= 1
    assert ends.month == begins.month or ends.day <= begins.day
    assert found.ends_at - found.begins_at >= timedelta(hours=22)


KPIS = Kpis.model_validate(
    {
        "kpis": [
            {
                "name": "visits_by_user",
                "title": {"fr": "Visites par vendeur", "en": "Visits a sales person"},
                "sql": "SELECT u.name, count(v.id) AS visits FROM reference.mobile_user u"
                " LEFT JOIN work.visit v ON v.mobile_user = u.code GROUP BY u.name",
            },
            {
                "name": "turnover",
                "title": {"fr": "Chiffre d'affaires", "en": "Turnover"},
                "sql": "WITH lines AS (SELECT date_trunc('month', v.visited_at) AS month,"
                " l.quantity * p.price AS amount FROM work.order_line l JOIN work.visit v ON v.id = l.visit"
                " JOIN reference.product p ON p.code = l.product)"
                " SELECT month, coalesce(round(sum(amount), 2), 0) AS amount FROM lines GROUP BY month;",
            },
        ]
    }
)


def test_dashboards_only_read(host: PrivateHost, session: Session, workbook: Path, form: Form) -> None:
    """Signed KPIs become views; the reading role reads them, and can write or read nothing else."""
    load(session, workbook, form, BOTH)
    _visits(session, 2)
    assert list(faults_of(KPIS, {"work", "reference"})) == []
    for _ in range(2):
        assert dashboards.build(session, KPIS, "reader") == ["visits_by_user", "turnover"]
    reading = psycopg.connect(
        host.local(session.info.dbname), user="reader", password="reading", autocommit=True
    )
    with reading:
        assert dashboards.read_all(reading, KPIS) == {"visits_by_user": 2, "turnover": 1}
        assert dashboards.may_write(reading) == []
        assert reading.execute("SELECT amount FROM kpi.turnover").fetchall() == [(Decimal("29.00"),)]
        for forbidden in ("SELECT * FROM work.visit", "DELETE FROM work.visit"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reading.execute(forbidden)


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("DELETE FROM work.visit", "begins with DELETE"),
        ("SELECT 1 AS x FROM work.visit; DROP TABLE work.visit", "holds 2 statements"),
        ("WITH gone AS (DELETE FROM work.visit RETURNING id) SELECT id FROM gone", "changes rows"),
        ("SELECT id INTO work.copy FROM work.visit", "writes a table"),
        ("SELECT id FROM work.visit FOR UPDATE", "locks rows"),
        ("SELECT pg_sleep(10) AS x FROM work.visit", "function pg_sleep is not among"),
        ("SELECT pg_read_file('/etc/passwd') AS x FROM work.visit", "function pg_read_file is not among"),
        ("SELECT pg_catalog.pg_read_file('x') AS x FROM work.visit", "names a function with its schema"),
        ("SELECT dblink_exec('x', 'y') AS x FROM work.visit", "function dblink_exec is not among"),
        ("SELECT setval('work.visit_id_seq', 1) AS x FROM work.visit", "function setval is not among"),
        ("SELECT rolname AS x FROM pg_catalog.pg_authid", "is no table of the template"),
        ("SELECT id FROM visit", "is no table of the template"),
        ("SELECT x FROM generate_series(1, 10) AS x", "in the place of a table"),
        ("SELECT * FROM work.visit", "name them"),
        ("SELECT count(*), 1 + 1 FROM work.visit", "needs a name"),
        ("SELECT id FROM work.visit WHERE", "cannot be read"),
        ("COPY work.visit TO PROGRAM 'sh'", "begins with COPY"),
        ("DO $$ BEGIN END $$ -- SELECT", "begins with COMMAND"),
        ("SELECT id FROM work.visit WHERE id = $1", "has a parameter"),
    ],
)
def test_kpi_that_could_do_harm_is_refused(statement: str, says: str) -> None:
    """What changes, waits, locks, reads files or other tables never becomes a view; the reason is told."""
    title = {"fr": "x", "en": "x"}
    kpis = Kpis.model_validate({"kpis": [{"name": "x", "title": title, "sql": statement}]})
    told = list(faults_of(kpis, {"work", "reference"}))
    assert any(says in one for one in told), told


def test_figure_over_a_column_that_is_not_there(session: Session) -> None:
    """What the database refuses leaves the dashboards as they were."""
    dashboards.build(session, KPIS, "reader")
    wrong = Kpis.model_validate(
        {"kpis": [{"name": "x", "title": {"fr": "x", "en": "x"}, "sql": "SELECT colour FROM work.visit"}]}
    )
    with pytest.raises(WorkbookError, match='column "colour" does not exist'):
        dashboards.build(session, wrong, "reader")
    assert session.execute("SELECT count(*) FROM pg_views WHERE schemaname = 'kpi'").fetchall() == [(2,)]


def test_rejected_rows_are_plain(form: Form) -> None:
    """What is reported of a refused row can be kept as evidence and read back."""
    one = Rejected(sheet="products", row=4, key="P-1", reason="new row violates a rule")
    assert Rejected.model_validate_json(one.model_dump_json()) == one
