"""
What a customer asserts by accepting a date: the version tested, customisations tested, workstations at work.

Promise: each is held against its evidence; what lacks is told, all at once. An assertion that cannot be shown
never counts as given.
"""

from collections.abc import Iterator, Sized

from pydantic import AwareDatetime, Field

from migrate import facts
from migrate.assess.fingerprint import Fingerprint
from migrate.case import Case, digest_of
from migrate.documents import Voice, phrases
from migrate.errors import EvidenceError
from migrate.product import customisations
from migrate.product.chain import Upgraded
from migrate.product.customisations import Customisations
from migrate.product.evidence import Licences, Preproduction, ProductionCopy
from migrate.product.installation import Installation
from migrate.product.put_back import CustomisationTests, PutBack
from migrate.product.workstations import Matrix
from provisioning.model import Model

VERSION_DOCUMENT = "preproduction.pdf"
CUSTOMISATIONS_DOCUMENT = "customisations.pdf"


class Shown(Model):
    """What shows something: a phrase ``statement.shown.<phrase>`` of the documents, and what fills it in."""

    phrase: str
    values: dict[str, str] = Field(default_factory=dict)

    def in_(self, voice: Voice) -> str:
        return voice.say(f"statement.shown.{self.phrase}", **self.values)


class Lacking(Model):
    """What is not shown yet: a phrase ``statement.lacks.<phrase>``, and what fills it in."""

    phrase: str
    values: dict[str, str] = Field(default_factory=dict)
    detail: str = ""
    """For the operator, in the place of the phrase, where there is more to say than the customer asks."""

    def in_(self, voice: Voice) -> str:
        """Return it as the customer reads it."""
        return voice.say(f"statement.lacks.{self.phrase}", **self.values)

    def __str__(self) -> str:
        return self.detail or phrases()[f"statement.lacks.{self.phrase}"].en.format(**self.values)


class Assertion(Model):
    """One of the three: what shows it, and what does not yet."""

    what: str
    """``version``, ``customisations`` or ``workstations``."""
    shown: tuple[Shown, ...]
    lacks: tuple[Lacking, ...] = ()

    def evidence(self, voice: Voice) -> str:
        return "; ".join(one.in_(voice) for one in self.shown)

    def refusal(self, voice: Voice) -> list[str]:
        """Return what the customer is told of what lacks, a line each."""
        what = voice.say(f"statement.assertion.{self.what}")
        return list(dict.fromkeys(f"{what}: {one.in_(voice)}" for one in self.lacks))


class ProductionDate(Model):
    """Evidence ``production-date``: a date, proposed with everything that it rests on."""

    opens_at: AwareDatetime
    closes_at: AwareDatetime
    low_seconds: float
    high_seconds: float
    rests_on: str
    assertions: tuple[Assertion, ...]


def look(
    case: Case, installed: Installation, now: Fingerprint, version_now: str, found_now: Customisations
) -> tuple[Assertion, ...]:
    """
    Hold the three assertions against the case's evidence.

    Args:
        now: The fingerprint of legacy now: what was tested goes stale when schema or volume change.
        version_now: The version that legacy tells now; likewise.
        found_now: The customisations that legacy has now; likewise.
    """
    return (
        _assertion("version", _version(case, installed, now, version_now)),
        _assertion("customisations", _customisations(case, found_now)),
        _assertion("workstations", _workstations(case, installed)),
    )


Said = Shown | Lacking


def _assertion(what: str, said: Iterator[Said]) -> Assertion:
    every = list(said)
    shown = tuple(one for one in every if isinstance(one, Shown))
    return Assertion(what=what, shown=shown, lacks=tuple(one for one in every if isinstance(one, Lacking)))


def _version(case: Case, installed: Installation, now: Fingerprint, version_now: str) -> Iterator[Said]:
    try:
        tested, upgraded = (
            case.read_evidence("preproduction", Preproduction),
            case.read_evidence("upgrade-test", Upgraded),
        )
    except EvidenceError:
        yield Lacking(phrase="not-measured")
        return
    if upgraded.to_version == installed.to:
        yield Shown(phrase="version", values={"version": upgraded.to_version})
    else:
        yield Lacking(phrase="another-version", values={"version": upgraded.to_version})
    yield from (
        Lacking(phrase="stale", detail=f"stale: {change}") for change in tested.fingerprint.changes(now)
    )
    if tested.from_version != version_now:
        yield Lacking(phrase="stale-version", values={"now": version_now, "tested": tested.from_version})
    yield _signed(case, VERSION_DOCUMENT)


def _customisations(case: Case, found_now: Customisations) -> Iterator[Said]:
    try:
        found = customisations.kept(case).found
    except EvidenceError:
        yield Lacking(phrase="not-looked-for")
        return
    before, after = ({one.id: one.sha256 for one in every} for every in (found, found_now.found))
    if changed := sorted(i for i in before.keys() | after.keys() if before.get(i) != after.get(i)):
        yield Lacking(phrase="customisations-changed", values={"names": ", ".join(changed)})
    if not found and customisations.FACT not in facts.holding(case.journal):
        yield Shown(phrase="none")
        return
    try:
        tests = case.read_evidence("customisation-tests-test", CustomisationTests)
        put = case.read_evidence("put-back-test", PutBack)
    except EvidenceError:
        yield Lacking(phrase="none-tested", values={"count": str(len(found))})
        return
    failed = [one.id for one in tests.tests if not one.passed]
    if failed:
        yield Lacking(phrase="tests-failed", values={"names": ", ".join(failed)})
    else:
        yield _counted("tests", tests.tests)
    if tests.of != put.digest:
        yield Lacking(phrase="put-back-since")
    yield _signed(case, CUSTOMISATIONS_DOCUMENT)


def _workstations(case: Case, installed: Installation) -> Iterator[Said]:
    try:
        matrix, licences = (
            case.read_evidence("workstations", Matrix),
            case.read_evidence("licences", Licences),
        )
    except EvidenceError:
        yield Lacking(phrase="no-workstation")
        return
    copied = case.read_evidence("test-copy", ProductionCopy)
    if matrix.rolled_out_at < copied.ended_at:
        yield Lacking(phrase="copied-since")
    counted = matrix.counted
    if matrix.passed:
        yield _counted("openings", matrix.cells)
    else:
        said = {which.replace(" ", "_"): str(number) for which, number in counted.items()}
        yield Lacking(phrase="openings", values={**said, "count": str(len(matrix.cells))})
    if matrix.version != installed.to:
        yield Lacking(phrase="client-version", values={"version": matrix.version})
    opened = {cell.user for cell in matrix.cells if cell.outcome == "met"}
    if never := [one.code for one in licences.users if one.kind == "full" and one.code not in opened]:
        yield Lacking(phrase="never-opened", values={"users": ", ".join(never)})


def _signed(case: Case, document: str) -> Said:
    """Whether a document is signed as it lies there now."""
    signed = [r for r in case.journal if r.kind == "signed" and r.data.get("document") == document]
    path = case.document(document)
    if not signed or not path.is_file() or signed[-1].data["sha256"] != digest_of(path):
        return Lacking(phrase="not-signed", values={"document": document})
    who = {"document": document, "signer": signed[-1].data["signer"], "day": f"{signed[-1].at:%F}"}
    return Shown(phrase="signed", values=who)


def _counted(phrase: str, things: Sized) -> Shown:
    return Shown(phrase=phrase, values={"count": str(len(things))})
