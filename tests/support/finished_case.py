"""
A case whose move is over, written through the real models: what a dossier is drawn from.

Promise: no server is needed; the figures are made up, the shapes are not.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from migrate.case import Case
from migrate.compare.verdict import Comparison, DatabaseComparison, RowDifference, TableResult
from migrate.connector import Received
from migrate.interfaces import Count, InterfaceCount, Interfaces
from migrate.new_tenant import Answers, write_tenant
from migrate.stop import Stop
from migrate.verify import Check, GoLive
from provisioning.manifest_file import load_manifest
from provisioning.workspace import Workspace
from tests.support.clock import SUMMER_NOON

ATTEMPT = "realisation-1"
FROZEN_AT = datetime(2027, 7, 6, 15, 0, 4, 120000, tzinfo=UTC)
STEPS = (
    ("record-request", "preparation", 0.02),
    ("assess", "preparation", 4.1),
    ("write-offer", "preparation", 1.3),
    ("hold-interfaces", "realisation", 0.6),
    ("freeze-legacy", "realisation", 0.4),
    ("copy-databases", "realisation", 7.9),
    ("copy-files", "realisation", 2.2),
    ("compare-content", "realisation", 3.3),
    ("verify-site", "realisation", 6.7),
    ("open-door", "realisation", 0.5),
)


def finished_case(folder: Path, *, differing: bool = False) -> Case:
    """Write a workspace with one tenant whose site is open; `differing` plants a row that is not equal."""
    (folder / "Pulumi.yaml").write_text("name: bascule\nruntime: python\n")
    workspace = Workspace(folder)
    answers = Answers(
        tenant="alpenblick",
        display_name="Pflegeheim Alpenblick",
        site_name="alpenblick.care.example",
        responsible_name="Zoé Rüttimann",
        responsible_email="zoe@alpenblick.example",
        technical_name="Beat Favre",
        technical_email="beat@alpenblick.example",
    )
    write_tenant(workspace, answers, SUMMER_NOON)
    case = Case(workspace, load_manifest(workspace, "alpenblick"))
    for step, phase, seconds in STEPS:
        attempt = f"{phase}-1"
        case.journal.append("intent", step, attempt=attempt, phase=phase, title=step)
        case.journal.append("done", step, attempt=attempt, phase=phase, seconds=seconds, result={})
    case.write_document("offer.pdf", b"%PDF-1.7 an offer")
    case.journal.append(
        "signed",
        "confirm-offer",
        signer="zoe@alpenblick.example",
        fingerprint="SHA256:uNiVztksCsDhcc0u9e8BrrtnV8tHgPmZUTx4Bq9Zbbk",
        sha256="5" * 64,
        document="offer.pdf",
    )
    case.write_evidence("comparison", _comparison(differing))
    case.write_evidence("golive", _golive())
    case.write_evidence("interfaces", _interfaces())
    case.write_evidence("stop", _stop())
    return case


def _comparison(differing: bool) -> Comparison:
    tables = [
        TableResult(
            name=f"rai.assessment_{n:02}",
            source_rows=1000 * n + 7,
            target_rows=1000 * n + 7,
            source_digest=f"{n}/1",
            target_digest=f"{n}/1",
        )
        for n in range(24)
    ]
    if differing:
        lost = (RowDifference(key="(4711)", kind="missing"),)
        update = {"target_rows": 6, "target_digest": "0/2", "differing": lost}
        tables[0] = tables[0].model_copy(update=update)
    database = DatabaseComparison(
        name="pflege",
        source_position="0/5A3F2C8",
        target_position="0/3D51E60",
        tables=tuple(tables),
        definitions=612,
        sequences=31,
        large_objects=12,
        differences=(),
        not_compared=("stamm.fern: a foreign table, whose rows live elsewhere",),
        seconds=3.2,
    )
    return Comparison(
        attempt=ATTEMPT,
        started_at=FROZEN_AT,
        ended_at=FROZEN_AT + timedelta(seconds=12),
        databases=(database,),
    )


def _golive() -> GoLive:
    checks = tuple(
        Check(
            id=f"services.answers[{name}]",
            proves=f"{name} runs and answers on its port",
            outcome="passed",
            seconds=0.1,
        )
        for name in ("sshd", "postgresql", "nginx", "application")
    )
    return GoLive(
        tenant="alpenblick",
        environment="prod",
        attempt=ATTEMPT,
        started_at=FROZEN_AT + timedelta(seconds=13),
        ended_at=FROZEN_AT + timedelta(seconds=20),
        checks=checks,
    )


def _interfaces() -> Interfaces:
    def count(accepted: int, waiting: int) -> Count:
        return Count(
            accepted=accepted,
            delivered=accepted - waiting,
            waiting=waiting,
            last_sequence=accepted,
            at=FROZEN_AT,
        )

    one = InterfaceCount(
        name="medikamente",
        kind="https",
        at_hold=count(1412, 0),
        at_release=count(1519, 107),
        after_drain=count(1530, 0),
        arrived=Received(received=1530, last_sequence=1530),
        lost=0,
        duplicates=0,
        in_order=True,
    )
    return Interfaces(attempt=ATTEMPT, interfaces=(one,))


def _stop() -> Stop:
    return Stop(
        attempt=ATTEMPT,
        frozen_at=FROZEN_AT,
        opened_at=FROZEN_AT + timedelta(seconds=21.4),
        actual_seconds=21.4,
        predicted_low_seconds=14.0,
        predicted_high_seconds=38.0,
    )
