"""What customisations and an old version cost, and what a recommendation makes of a server."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from examples.mecavallon import installing
from migrate.errors import MigrationError
from migrate.offer import Offer, make_offer
from migrate.product.recommendation import Row, _answer
from migrate.rates import Customised, load_rates
from provisioning.workspace import Workspace
from tests.support import quoting

EXAMPLE = Workspace(Path(installing.__file__).parent)
SMALL = Customised(kind="view", name="erp.z_small", lines=9)
LARGE = Customised(kind="function", name="erp.z_large(integer)", lines=10)
REPORT = Customised(kind="report", name="partage/rapports/" + "x" * 120, lines=3)


def offer(*customisations: Customised, newer: tuple[str, ...] = ()) -> Offer:
    return make_offer(
        quoting.manifest(currency="EUR"),
        quoting.assessment(),
        quoting.request(),
        load_rates(EXAMPLE),
        date(2026, 11, 2),
        customisations=customisations,
        newer_versions=newer,
    )


def test_each_customisation_is_a_line_by_kind_and_size() -> None:
    """One line each, named, at the price of its kind and size; a settlement can tell them apart."""
    lines = {line.position: line for line in offer(SMALL, LARGE, REPORT).lines}
    assert lines["object-1"].amount == Decimal("140.00")
    assert lines["object-1"].title.en == "Database object carried over : erp.z_small"
    assert lines["large-object-1"].amount == Decimal("320.00")
    assert lines["report-1"].title.fr.endswith("…")
    assert offer(SMALL, LARGE, REPORT).sum.net == Decimal("1900.00") + 140 + 320 + 210


def test_versions_before_seven_take_the_flat_rate() -> None:
    """Once, for a tenant that V7 came after; not for one that has it already."""
    assert "assistance" in {line.position for line in offer(newer=("7", "2023")).lines}
    assert "assistance" not in {line.position for line in offer(newer=("2023",)).lines}


def test_a_customisation_without_a_price_is_refused() -> None:
    """Nothing is carried over for nothing: the rate card has to name a price for its kind."""
    with pytest.raises(MigrationError, match=r"the rate card has no price for macro erp\.z, 3 lines"):
        offer(Customised(kind="macro", name="erp.z", lines=3))


def row(**said: object) -> Row:
    return Row.model_validate({"id": "row", "title": "Row", "measure": "cores", **said})


def test_a_row_is_met_not_met_or_could_not_be_told() -> None:
    """What could not be measured never counts as met, whatever was wanted."""
    assert _answer(row(at_least=4), lambda _: Decimal(4)).verdict == "met"
    assert _answer(row(at_least=4), lambda _: Decimal(3)).verdict == "not met"
    assert _answer(row(at_most=2), lambda _: Decimal("2.1")).verdict == "not met"
    assert _answer(row(one_of=["debian 12"]), lambda _: "debian 12").verdict == "met"
    assert _answer(row(one_of=["15"]), lambda _: "15.18 (Debian)").verdict == "met"
    assert _answer(row(one_of=["15"]), lambda _: "151").verdict == "not met"
    assert _answer(row(at_least=4), lambda _: None).verdict == "could not tell"

    def fails(_: Row) -> Decimal:
        raise MigrationError("no df there")

    answer = _answer(row(at_least=4, required=True), fails)
    assert (answer.verdict, answer.found, answer.required) == ("could not tell", "no df there", True)
