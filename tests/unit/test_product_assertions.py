"""What accepting a date asserts: each is shown by its evidence, or named as lacking."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from migrate import facts
from migrate.assess.facts import Fingerprint
from migrate.case import Case, digest_of
from migrate.documents import Voice
from migrate.product import assertions
from migrate.product.assertions import Assertion
from migrate.product.chain import Upgraded
from migrate.product.customisations import FACT, Customisation, Customisations
from migrate.product.evidence import Licence, Licences, Preproduction, ProductionCopy
from migrate.product.installation import Installation
from migrate.product.latency import Latency
from migrate.product.put_back import CustomisationTests, Put, PutBack, Trial
from migrate.product.workstations import Cell, Matrix, Outcome
from migrate.rates import Language
from tests.support.local_sites import local_workspace

NOW = datetime(2026, 11, 27, 9, tzinfo=UTC)
FINGERPRINT = Fingerprint(schema_digest="a", bytes=1_000_000, files=10)
INSTALLED = Installation(
    product="atelier", version="5", to="7", editions={}, data_paths={}, hops=("6", "7"), newer=("6", "7")
)
QUIET = Latency(probes=40, median_ms=1, p95_ms=2, longest_ms=3, longest_transaction_ms=0, waiting_for_us=0)
ONE = Customisation(kind="view", name="erp.z", change="added", sha256="0", lines=1)
FOUND = Customisations(product="atelier", version="5", compared=1, found=(ONE,))
NONE = FOUND.model_copy(update={"found": ()})
PUT = PutBack(
    attempt="customisation-1",
    environment="test",
    put=(Put(id="view erp.z", decision="keep", by="a@b.example", what="put back", sha256="0"),),
)


def matrix(
    *cells: tuple[str, Outcome], at: datetime = NOW + timedelta(hours=1), version: str = "7"
) -> Matrix:
    made = tuple(Cell(group="g", workstation="desk", user=user, outcome=outcome) for user, outcome in cells)
    return Matrix(version=version, site="https://test.example", rolled_out_at=at, cells=made)


@pytest.fixture
def case(tmp_path: Path) -> Case:
    """All is tested: each test takes one thing away."""
    here = Case.of(local_workspace(tmp_path, "birke"), "birke")
    tests = CustomisationTests(
        attempt="customisation-1",
        environment="test",
        of=PUT.digest,
        tested_at=NOW,
        tests=(Trial(id="view erp.z", passed=True, says="True"),),
    )
    facts.record(here.journal, FACT, holds=True)
    for name, evidence in {
        "preproduction": Preproduction(
            measured_at=NOW,
            from_version="5",
            to_version="7",
            fingerprint=FINGERPRINT,
            parts={},
            low_seconds=1,
            high_seconds=2,
            rests_on="",
        ),
        "upgrade-test": Upgraded(
            attempt="test-1",
            environment="test",
            started_from="5",
            to_version="7",
            hops=(),
            seconds=1,
            ended_at=NOW,
        ),
        "test-copy": ProductionCopy(
            attempt="test-1",
            way="live",
            seconds=1,
            bytes=1,
            tables=1,
            fingerprint=FINGERPRINT,
            before=QUIET,
            during=QUIET,
            ended_at=NOW,
        ),
        "customisations": FOUND,
        "put-back-test": PUT,
        "customisation-tests-test": tests,
        "licences": Licences(
            version="7",
            users=(
                Licence(code="ADM", name="Ada", kind="full"),
                Licence(code="AT1", name="Bench", kind="workshop"),
            ),
            seats=(),
        ),
        "workstations": matrix(("ADM", "met")),
    }.items():
        here.write_evidence(name, evidence)
    for document in (assertions.VERSION_DOCUMENT, assertions.CUSTOMISATIONS_DOCUMENT):
        path = here.write_document(document, document.encode())
        here.journal.append(
            "signed", document, signer="rosa@birke.example", sha256=digest_of(path), document=document
        )
    return here


def look(case: Case, now: Fingerprint = FINGERPRINT, version: str = "5") -> dict[str, tuple[str, ...]]:
    found: tuple[Assertion, ...] = assertions.look(case, INSTALLED, now, version, FOUND)
    return {one.what: tuple(map(str, one.lacks)) for one in found}


def test_all_three_are_shown_by_evidence(case: Case) -> None:
    """Nothing lacks; a workshop licence is tested on the server and needs no workstation."""
    assert look(case) == {"version": (), "customisations": (), "workstations": ()}
    version, _, workstations = assertions.look(case, INSTALLED, FINGERPRINT, "5", FOUND)
    voice = Voice.of(case.manifest)
    assert "preproduction.pdf signed by rosa@birke.example" in version.evidence(voice)
    assert workstations.evidence(voice) == "1 openings, all met"


def test_what_was_tested_goes_stale(case: Case) -> None:
    """Another schema, another volume and another version are each named; a little growth is none."""
    grown = FINGERPRINT.model_copy(update={"bytes": 1_050_000})
    assert look(case, grown)["version"] == ()
    doubled = FINGERPRINT.model_copy(update={"bytes": 2_000_000, "schema_digest": "b"})
    assert look(case, doubled, "6")["version"] == (
        "stale: the schema is another",
        "stale: 2.0 MB of data, 1.0 MB before",
        "stale: production is of version 6, 5 was tested",
    )


@pytest.mark.parametrize("document", [assertions.VERSION_DOCUMENT, assertions.CUSTOMISATIONS_DOCUMENT])
def test_a_document_that_changed_since_is_not_signed(case: Case, document: str) -> None:
    """What was signed was another document."""
    case.write_document(document, b"another")
    lacks = [line for lines in look(case).values() for line in lines]
    assert lacks == [f"{document} is not signed as it is now"]


def test_customisations_have_to_pass_as_they_were_put_back(case: Case) -> None:
    """A failed test, and something else put back since, are each told."""
    tests = case.read_evidence("customisation-tests-test", CustomisationTests)
    failed = Trial(id="view erp.z", passed=False, says="False")
    case.write_evidence(
        "customisation-tests-test", tests.model_copy(update={"tests": (failed,), "of": "else"})
    )
    assert look(case)["customisations"] == ("failed: view erp.z", "what was put back since was not tested")


def test_a_tenant_without_customisations_has_none_to_test(case: Case) -> None:
    """Then nothing lacks, whatever is not there."""
    facts.record(case.journal, FACT, holds=False)
    case.write_evidence("customisations", NONE)
    _, customisations, _ = assertions.look(case, INSTALLED, FINGERPRINT, "5", NONE)
    assert customisations.lacks == ()


def test_what_was_made_to_measure_since_was_not_tested(case: Case) -> None:
    """A customisation that changed, or is new since they were looked for, is named."""
    other = ONE.model_copy(update={"sha256": "1"})
    new = ONE.model_copy(update={"name": "erp.new"})
    now = FOUND.model_copy(update={"found": (other, new)})
    _, customisations, _ = assertions.look(case, INSTALLED, FINGERPRINT, "5", now)
    said = "stale: since they were looked for, view erp.new, view erp.z changed"
    assert [str(one) for one in customisations.lacks] == [said]


def test_every_full_licence_opens_on_a_workstation(case: Case) -> None:
    """One that failed, one that nobody tried, an older client, and a copy that is newer are each told."""
    case.write_evidence("workstations", matrix(("CDE", "failed"), version="6", at=NOW - timedelta(hours=1)))
    assert look(case)["workstations"] == (
        "stale: production was copied anew since the workstations opened it",
        "0 met, 1 failed, 0 not tried of 1 openings",
        "the client on the workstations is of version 6",
        "never opened by ADM",
    )


def test_nothing_is_taken_for_granted(tmp_path: Path) -> None:
    """Without evidence nothing is shown."""
    empty = Case.of(local_workspace(tmp_path, "linde"), "linde")
    assert look(empty) == {
        "version": ("nothing was measured in pre-production",),
        "customisations": ("nobody looked for customisations",),
        "workstations": ("no workstation was rolled out",),
    }


@pytest.mark.parametrize("language", ["fr", "de", "nb", "en"])
def test_the_customer_is_told_in_their_language(case: Case, language: Language) -> None:
    """Each thing that lacks has its words in every language; the operator reads more of what went stale."""
    voice = replace(Voice.of(case.manifest), language=language)
    other = FINGERPRINT.model_copy(update={"bytes": 2_000_000, "schema_digest": "b"})
    case.write_document(assertions.VERSION_DOCUMENT, b"another")
    case.write_evidence("workstations", matrix(("CDE", "failed"), version="6", at=NOW - timedelta(hours=1)))
    found = assertions.look(case, INSTALLED, other, "6", NONE)
    told = [line for one in found for line in one.refusal(voice)]
    assert len(told) == 8, "what went stale twice is told once"
    english = [line for one in found for line in one.refusal(replace(voice, language="en"))]
    assert (told == english) == (language == "en")
    assert all(line not in english for line in told) == (language != "en")
