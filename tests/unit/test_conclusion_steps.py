"""The steps after the door is open: documents from evidence, and repeats that change nothing."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from migrate.case import Case, digest_of
from migrate.compare.verdict import Comparison, DatabaseComparison, TableResult, TreeComparison
from migrate.connections import Hosts
from migrate.deploy import DeployedSite
from migrate.errors import EvidenceError, Waiting
from migrate.interfaces import Count, InterfaceCount, Interfaces
from migrate.offer import Offer, make_offer
from migrate.settlement import record
from migrate.step import Act, Result, StepContext
from migrate.steps import conclusion
from migrate.stop import Stop
from migrate.verify import Check, GoLive
from provisioning.workspace import Workspace
from tests.support import quoting
from tests.support.moves import Told

ATTEMPT = "realisation-2"
NOW = datetime(2027, 3, 9, 17, 5, tzinfo=UTC)


@pytest.fixture
def case(tmp_path: Path) -> Case:
    """A tenant whose site was opened by its second attempt."""
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks" / "rates.yaml").write_bytes((quoting.EXAMPLE / "stacks" / "rates.yaml").read_bytes())
    case = Case(Workspace(tmp_path), quoting.manifest(modules=["epdoc"]))
    offer = make_offer(
        case.manifest,
        quoting.assessment(),
        quoting.request(training={"training-online": 2}),
        quoting.rates(),
        date(2026, 11, 3),
    )
    case.write_evidence("offer", offer)
    case.write_evidence("assessment", quoting.assessment())
    case.write_evidence("site-prod", site())
    case.write_evidence("comparison", comparison())
    case.write_evidence("interfaces", interfaces())
    case.write_evidence("golive", golive())
    case.write_evidence("stop", stop())
    return case


def site() -> DeployedSite:
    return DeployedSite(
        stack="alpenblick-prod",
        environment="prod",
        substrate="local",
        url="https://alpenblick.care.example:8443",
        site_name="alpenblick.care.example",
        application_name="pflegebuch",
        application_version="2.0.0",
        door="closed",
        host_key="SHA256:x",
        database="127.64.0.1:5432/pflege",
        deployed_at=NOW,
        up_seconds=8.0,
        preview_seconds=2.0,
    )


def comparison(attempt: str = ATTEMPT) -> Comparison:
    tables = tuple(
        TableResult(
            name=f"rai.{name}", source_rows=rows, target_rows=rows, source_digest="d", target_digest="d"
        )
        for name, rows in (("bewohner", 1200), ("einstufung", 34))
    )
    database = DatabaseComparison(
        name="pflege",
        source_position="0/1",
        target_position="0/1",
        tables=tables,
        definitions=40,
        sequences=2,
        large_objects=0,
        differences=(),
        not_compared=(),
        seconds=1.0,
    )
    tree = TreeComparison(name="dokumente", files=24, folders=3, bytes=3_100_000, differing=0, shown=())
    return Comparison(attempt=attempt, started_at=NOW, ended_at=NOW, databases=(database,), trees=(tree,))


def interfaces() -> Interfaces:
    held = Count(accepted=9, delivered=9, waiting=0, last_sequence=9, at=NOW)
    one = InterfaceCount(name="labor", kind="https", at_hold=held, lost=0, duplicates=0, in_order=True)
    return Interfaces(attempt=ATTEMPT, interfaces=(one,))


def golive() -> GoLive:
    check = Check(id="tls.chain", proves="It is trusted.", outcome="passed", seconds=0.1)
    return GoLive(
        tenant="alpenblick",
        environment="prod",
        attempt=ATTEMPT,
        started_at=NOW,
        ended_at=NOW,
        checks=(check,),
    )


def stop() -> Stop:
    return Stop(attempt=ATTEMPT, frozen_at=NOW, opened_at=NOW + timedelta(seconds=38), actual_seconds=38.0)


def do(case: Case, act: Act) -> Result:
    return act(StepContext(case, Hosts(case.workspace, case.manifest), Told(), "start-1"))


def test_every_document_is_written_once(case: Case) -> None:
    """All five steps twice: the same files, and nothing journalled the second time."""
    offer = case.read_evidence("offer", Offer)
    record(case, offer, "conversion", "7", "", hourly=True)
    record(case, offer, "training-online", "2", "", hourly=True)
    acts = (
        conclusion.list_training,
        conclusion.write_acceptance,
        conclusion.hand_over_support,
        conclusion.write_the_settlement,
        conclusion.write_licence_upgrade,
    )
    results = [do(case, act) for act in acts]
    names = [str(result["document"]) for result in results]
    assert names == ["training.pdf", "acceptance.pdf", "support.pdf", "settlement.pdf", "licence.pdf"]
    digests = [digest_of(case.document(name)) for name in names]
    records = len(list(case.journal))
    assert [do(case, act) for act in acts] == results
    assert [digest_of(case.document(name)) for name in names] == digests
    assert len(list(case.journal)) == records


def test_checklist_counts_what_was_moved(case: Case) -> None:
    """Tables, interfaces, modules, files and checks are there to be ticked off, and none disagrees."""
    assert do(case, conclusion.write_acceptance) == {
        "document": "acceptance.pdf",
        "tables": 2,
        "to_check": 5,
        "disagreeing": [],
    }


def test_checklist_takes_no_evidence_of_another_attempt(case: Case) -> None:
    """A comparison of the attempt that fell back proves nothing about the site that opened."""
    case.write_evidence("comparison", comparison("realisation-1"))
    with pytest.raises(EvidenceError) as told:
        do(case, conclusion.write_acceptance)
    assert told.value.what == "evidence 'comparison' is of realisation-1; realisation-2 opened the site"


def test_settlement_waits_for_hours(case: Case) -> None:
    """Hours that nobody recorded are asked for by name."""
    with pytest.raises(Waiting, match="no hours are recorded for conversion, training-online"):
        do(case, conclusion.write_the_settlement)


def test_support_is_handed_over_once(case: Case) -> None:
    """The journal says when the support address was handed over, and to whom."""
    for _ in range(2):
        do(case, conclusion.hand_over_support)
    handed = [each for each in case.journal if each.kind == "handed-over"]
    assert [each.about for each in handed] == ["support@pflegewerk.example"]
    assert handed[0].data == {"to": "anna.kaeser@alpenblick.example"}
