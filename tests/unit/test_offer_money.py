"""Rate card and offer: quantities by their rules, money exact, repeats that change nothing."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.case import Case
from migrate.errors import MigrationError
from migrate.offer import Sum, make_offer, write_offer
from migrate.rates import Demand, RateCard, load_rates, money
from provisioning.errors import ManifestError
from provisioning.workspace import Workspace
from tests.support import quoting

DAY = date(2026, 11, 3)
AMOUNTS = st.decimals(min_value=0, max_value=100_000, places=2)


def quantities(demand: Demand) -> dict[str, Decimal]:
    return {p.id: q for p in quoting.rates().positions if (q := p.quantity_for(demand))}


def test_quantities_follow_their_rules() -> None:
    """Started gigabytes, each interface, named modules, planned hours, the training asked for."""
    demand = Demand(
        bytes=3_000_000_001,
        interfaces=2,
        modules=("epdoc", "other"),
        on_weekend=True,
        training_hours={"training-online": Decimal("1.5")},
    )
    assert quantities(demand) == {
        "move": 1,
        "data": 3,
        "interfaces": 2,
        "epdoc": 1,
        "weekend": 1,
        "conversion": 6,
        "training-online": Decimal("1.5"),
    }
    assert quantities(Demand(bytes=900_000_000, interfaces=0)) == {"move": 1, "conversion": 6}


def test_offer_adds_up_to_the_cent() -> None:
    """The offer of the example, figure by figure; the Swiss total ends in 0 or 5."""
    manifest = quoting.manifest(modules=["epdoc"])
    offer = make_offer(manifest, quoting.assessment(), quoting.request(), quoting.rates(), DAY)
    assert {line.position: str(line.amount) for line in offer.lines} == {
        "move": "2400.00",
        "data": "90.00",
        "interfaces": "960.00",
        "epdoc": "950.00",
        "conversion": "990.00",
    }
    assert offer.sum.model_dump(mode="json") == {
        "net": "5390.00",
        "vat_percent": "8.1",
        "vat": "436.59",
        "rounding": "0.01",
        "total": "5826.60",
    }
    assert [line.position for line in offer.options] == ["training-online", "training-on-site"]
    assert (offer.number, offer.valid_until) == ("alpenblick-20261103", date(2027, 1, 2))


@given(
    amounts=st.lists(AMOUNTS, max_size=20),
    vat=st.decimals(0, 50, places=2),
    coin=st.sampled_from(["0.01", "0.05", "1"]),
)
def test_sums_are_exact(amounts: list[Decimal], vat: Decimal, coin: str) -> None:
    """Net, VAT and rounding always add up to the total, which is a whole number of the smallest coin."""
    found = Sum.of(amounts, vat, Decimal(coin))
    assert found.net + found.vat + found.rounding == found.total
    assert found.net == sum(amounts, Decimal(0))
    assert found.total % Decimal(coin) == 0
    assert abs(found.rounding) <= Decimal(coin) / 2
    assert abs(found.vat - found.net * vat / 100) <= Decimal("0.005")


@given(amount=st.decimals(-10_000, 10_000, places=4), step=st.sampled_from(["0.01", "0.05"]))
def test_rounding_is_to_the_nearest(amount: Decimal, step: str) -> None:
    """Rounded money is never further than half a step away, and shows two decimals."""
    rounded = money(amount, Decimal(step))
    assert abs(rounded - amount) <= Decimal(step) / 2
    assert rounded.as_tuple().exponent == -2


def test_weekend_is_charged_when_the_wished_window_touches_one() -> None:
    """Friday to Saturday costs the surcharge of the rate card."""
    window = {
        "opens_at": "2027-03-12T17:00:00+01:00",
        "closes_at": "2027-03-13T14:00:00+01:00",
        "time_zone": "Europe/Zurich",
    }
    offer = make_offer(
        quoting.manifest(window=window), quoting.assessment(), quoting.request(), quoting.rates(), DAY
    )
    assert "weekend" in [line.position for line in offer.lines]


def test_other_currency_is_refused() -> None:
    """Francs are not offered to a tenant that pays in kroner."""
    with pytest.raises(MigrationError) as told:
        make_offer(
            quoting.manifest(currency="NOK"), quoting.assessment(), quoting.request(), quoting.rates(), DAY
        )
    assert str(told.value) == (
        "the rate card is in CHF, alpenblick pays in NOK\n"
        "No offer was written.\n"
        "Next: set currency in stacks/rates.yaml or in the manifest"
    )


def test_training_that_is_not_offered_is_told() -> None:
    """A training the rate card does not know is named, and so are those it has."""
    asked = quoting.request(training={"training-at-sea": 2})
    with pytest.raises(
        MigrationError, match="asks for training-at-sea, which the rate card does not offer"
    ) as told:
        make_offer(quoting.manifest(), quoting.assessment(), asked, quoting.rates(), DAY)
    assert "training-on-site, training-online" in told.value.next_step


def test_writing_again_keeps_the_offer(tmp_path: Path) -> None:
    """A new estimate over the same volume changes no offer; twice the data does."""
    case = Case(Workspace(tmp_path), quoting.manifest())
    rates, asked, first = quoting.rates(), quoting.request(), quoting.assessment()
    offer = write_offer(case, first, asked, rates)
    slower = first.model_copy(
        update={
            "estimate": first.estimate.model_copy(update={"parts": first.estimate.parts[:1]}),
            "fingerprint": first.fingerprint.model_copy(update={"bytes": 2_300_000_000}),
        }
    )
    assert write_offer(case, slower, asked, rates) == offer
    assert sum(record.kind == "evidence" for record in case.journal) == 1
    grown = first.fingerprint.model_copy(update={"bytes": 4_400_000_000})
    write_offer(case, first.model_copy(update={"fingerprint": grown}), asked, rates)
    assert sum(record.kind == "evidence" for record in case.journal) == 2


def test_faults_of_a_rate_card_are_told_together(tmp_path: Path) -> None:
    """A misspelt key, a negative price and a missing language are all named with their line."""
    text = (quoting.EXAMPLE / "stacks" / "rates.yaml").read_text()
    text = text.replace("valid_days: 60", "valid_day: 60").replace("price: 480.00", "price: -1")
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks" / "rates.yaml").write_text(text.replace('        nb: "Tilleggsmodul"\n', ""))
    with pytest.raises(ManifestError) as told:
        load_rates(Workspace(tmp_path))
    assert "3 to correct, nothing was touched" in told.value.what
    assert "valid_day (line 14): unknown key; did you mean valid_days?" in told.value.what
    assert "positions/2/price" in told.value.what
    assert "is missing; add it" in told.value.what


def test_missing_rate_card_says_what_to_do(tmp_path: Path) -> None:
    """Without a rate card, the example is what to begin with."""
    with pytest.raises(ManifestError) as told:
        load_rates(Workspace(tmp_path))
    assert str(told.value) == (
        "stacks/rates.yaml does not exist\n"
        "Next: copy examples/alpenblick/stacks/rates.yaml to stacks/rates.yaml and set your prices"
    )


def test_positions_have_one_name_each() -> None:
    """A position that stands twice could not be settled."""
    card = quoting.rates().model_dump()
    card["positions"] = (*card["positions"], card["positions"][0])
    with pytest.raises(ValueError, match="positions: move stands twice"):
        RateCard.model_validate(card)
