"""
Steps on customisations: upgraded three ways, decided on, put back, tested.

Promise: nothing is guessed and nothing decided for anybody; a customisation that fails its test stops here.
"""

from datetime import UTC, datetime

from migrate import documents
from migrate.errors import DifferenceError
from migrate.product import customisations, decisions, merging, put_back
from migrate.product.assertions import CUSTOMISATIONS_DOCUMENT
from migrate.product.baseline import load_baseline
from migrate.product.installation import kept
from migrate.product.merging import Merges
from migrate.product.order import ordered
from migrate.product.put_back import CustomisationTests, Decided, PutBack
from migrate.rates import load_rates
from migrate.step import Result, StepContext, step
from migrate.steps.product import environment_of


@step("upgrade-customisations")
def upgrade_customisations(ctx: StepContext) -> Result:
    """Carry each customisation to the new version, three ways; conflicts and decisions wait for a person."""
    case, order, installed = ctx.case, ordered(ctx.case), kept(ctx.case)
    found = customisations.kept(case)
    old = load_baseline(order.product, order.folder, installed.version)
    new = load_baseline(order.product, order.folder, installed.to)
    merged = Merges(
        from_version=installed.version,
        to_version=installed.to,
        merges=tuple(merging.merge(case, one, old, new) for one in found.found),
    )
    case.write_evidence("merges", merged)
    for one in merged.merges:
        ctx.progress.say(f"{one.outcome:21} {one.id}" + (f": {one.says}" if one.says else ""))
    decisions.write_form(case, found)
    every = decisions.decided(case, found, merged)
    return {"customisations": len(every), "conflicts": [one.id for one in merged.conflicts]}


def _leave(ctx: StepContext) -> Result:
    """Put the customer's own files back; the database is emptied by the upgrade's own undo."""
    put_back.undo_files(ctx.hosts, environment_of(ctx), ctx.case, customisations.kept(ctx.case))
    return {"files": "as they were copied"}


@step("put-back-customisations", undo=_leave)
def put_back_customisations(ctx: StepContext) -> Result:
    """Put each customisation back on the site, replace it or leave it out, as was decided."""
    environment, order = environment_of(ctx), ordered(ctx.case)
    done = PutBack(
        attempt=ctx.attempt,
        environment=environment,
        put=tuple(put_back.put_back(ctx.hosts, environment, order.product, _decided(ctx))),
    )
    ctx.case.write_evidence(f"put-back-{environment}", done)
    for one in done.put:
        ctx.progress.say(f"{one.what:21} {one.id} ({one.decision}, {one.by})")
    return {"put": {one.id: one.what for one in done.put}}


def _decided(ctx: StepContext) -> list[Decided]:
    case = ctx.case
    return decisions.decided(case, customisations.kept(case), case.read_evidence("merges", Merges))


@step("test-customisations")
def test_customisations(ctx: StepContext) -> Result:
    """Run each customisation's acceptance test on the site; one that fails stops here."""
    environment, case = environment_of(ctx), ctx.case
    put = case.read_evidence(f"put-back-{environment}", PutBack)
    done = CustomisationTests(
        attempt=ctx.attempt,
        environment=environment,
        of=put.digest,
        tested_at=datetime.now(UTC),
        tests=tuple(put_back.run_tests(ctx.hosts, environment, [each for _, each, _ in _decided(ctx)])),
    )
    case.write_evidence(f"customisation-tests-{environment}", done)
    for one in done.tests:
        ctx.progress.say(f"{'passed' if one.passed else 'FAILED'}  {one.id}: {one.says}")
    if failed := [f"  {one.id}: {one.says}" for one in done.tests if not one.passed]:
        listed = "\n".join(failed)
        raise DifferenceError(
            f"{len(failed)} of {len(done.tests)} customisations fail their test on {environment}:\n{listed}",
            state="Production works as ever." if environment == "test" else "",
            next_step=f"correct {decisions.form_file(case)} or what it names; then fab run",
        )
    return {"passed": len(done.tests)}


@step("write-customisations")
def write_customisations(ctx: StepContext) -> Result:
    """Write what became of each customisation, for the customer to sign."""
    case, voice = ctx.case, documents.Voice.of(ctx.manifest)
    put = case.read_evidence("put-back-test", PutBack)
    tests = case.read_evidence("customisation-tests-test", CustomisationTests)
    tested = {one.id for one in tests.tests}
    path = documents.write(
        case,
        CUSTOMISATIONS_DOCUMENT,
        "statement",
        vendor=load_rates(case.workspace).vendor,
        kind="customisations",
        document=CUSTOMISATIONS_DOCUMENT,
        # The moment makes it another document where they are tested anew: an earlier signature was for then.
        facts=[
            ("new", kept(case).to),
            ("site", ctx.hosts.site("test").url),
            ("tested", voice.moment(tests.tested_at)),
        ],
        columns=("customisation", "decision", "result"),
        rows=[
            (
                one.id,
                voice.say(f"statement.decision.{one.decision}"),
                voice.say(f"statement.test.{'passed' if one.id in tested else 'none'}"),
            )
            for one in put.put
        ],
    )
    return {"document": path.name}
