"""
What a customer asserts by accepting a date: the version tested, customisations tested, workstations at work.

Promise: each is held against its evidence; what lacks is told, all at once. An assertion that cannot be shown
never counts as given.
"""

from collections.abc import Iterator

from pydantic import AwareDatetime

from migrate import facts
from migrate.assess.fingerprint import Fingerprint
from migrate.case import Case, digest_of
from migrate.errors import EvidenceError
from migrate.product import customisations
from migrate.product.chain import Upgraded
from migrate.product.evidence import Licences, Preproduction, ProductionCopy
from migrate.product.installation import Installation
from migrate.product.put_back import CustomisationTests, PutBack
from migrate.product.workstations import Matrix
from provisioning.manifest import Model

VERSION_DOCUMENT = "preproduction.pdf"
CUSTOMISATIONS_DOCUMENT = "customisations.pdf"


class Assertion(Model):
    """One of the three. `evidence` says what shows it; `lacks` what does not yet."""

    what: str
    """``version``, ``customisations`` or ``workstations``."""
    evidence: str
    lacks: tuple[str, ...] = ()


class ProductionDate(Model):
    """Evidence ``production-date``: a date, proposed with everything that it rests on."""

    opens_at: AwareDatetime
    closes_at: AwareDatetime
    low_seconds: float
    high_seconds: float
    rests_on: str
    assertions: tuple[Assertion, ...]


def look(case: Case, installed: Installation, now: Fingerprint, version_now: str) -> tuple[Assertion, ...]:
    """
    Hold the three assertions against the case's evidence.

    Args:
        now: The fingerprint of legacy now: what was tested goes stale when schema or volume change.
        version_now: The version that legacy tells now; likewise.
    """
    return (
        _assertion("version", _version(case, installed, now, version_now)),
        _assertion("customisations", _customisations(case)),
        _assertion("workstations", _workstations(case, installed)),
    )


Said = tuple[bool, str]
"""Whether it is shown, and by what; or that it is not, and what lacks."""


def _assertion(what: str, said: Iterator[Said]) -> Assertion:
    every = list(said)
    shown = "; ".join(text for holds, text in every if holds)
    return Assertion(what=what, evidence=shown, lacks=tuple(text for holds, text in every if not holds))


def _version(case: Case, installed: Installation, now: Fingerprint, version_now: str) -> Iterator[Said]:
    try:
        tested, upgraded = (
            case.read_evidence("preproduction", Preproduction),
            case.read_evidence("upgrade-test", Upgraded),
        )
    except EvidenceError:
        yield False, "nothing was measured in pre-production"
        return
    yield upgraded.to_version == installed.to, f"pre-production is of version {upgraded.to_version}"
    yield from ((False, f"stale: {change}") for change in tested.fingerprint.changes(now))
    if tested.from_version != version_now:
        yield False, f"stale: production is of version {version_now}, {tested.from_version} was tested"
    yield _signed(case, VERSION_DOCUMENT)


def _customisations(case: Case) -> Iterator[Said]:
    try:
        found = customisations.kept(case).found
    except EvidenceError:
        yield False, "nobody looked for customisations"
        return
    if not found and customisations.FACT not in facts.holding(case.journal):
        yield True, "there are none"
        return
    try:
        tests = case.read_evidence("customisation-tests-test", CustomisationTests)
        put = case.read_evidence("put-back-test", PutBack)
    except EvidenceError:
        yield False, f"none of {len(found)} customisations was tested in pre-production"
        return
    failed = [one.id for one in tests.tests if not one.passed]
    yield not failed, f"{len(tests.tests)} tests passed" if not failed else f"failed: {', '.join(failed)}"
    if tests.of != put.digest:
        yield False, "what was put back since was not tested"
    yield _signed(case, CUSTOMISATIONS_DOCUMENT)


def _workstations(case: Case, installed: Installation) -> Iterator[Said]:
    try:
        matrix, licences = (
            case.read_evidence("workstations", Matrix),
            case.read_evidence("licences", Licences),
        )
    except EvidenceError:
        yield False, "no workstation was rolled out"
        return
    copied = case.read_evidence("test-copy", ProductionCopy)
    if matrix.rolled_out_at < copied.ended_at:
        yield False, "stale: production was copied anew since the workstations opened it"
    counted = matrix.counted
    said = ", ".join(f"{number} {which}" for which, number in counted.items())
    yield matrix.passed, f"{said} of {len(matrix.cells)} openings"
    if matrix.version != installed.to:
        yield False, f"the client on the workstations is of version {matrix.version}"
    opened = {cell.user for cell in matrix.cells if cell.outcome == "met"}
    if never := [one.code for one in licences.users if one.kind == "full" and one.code not in opened]:
        yield False, f"never opened by {', '.join(never)}"


def _signed(case: Case, document: str) -> Said:
    """Whether a document is signed as it lies there now."""
    signed = [r for r in case.journal if r.kind == "signed" and r.data.get("document") == document]
    path = case.document(document)
    if not signed or not path.is_file() or signed[-1].data["sha256"] != digest_of(path):
        return False, f"{document} is not signed as it is now"
    return True, f"{document} signed by {signed[-1].data['signer']} on {signed[-1].at:%F}"
