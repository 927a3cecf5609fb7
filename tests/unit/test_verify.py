"""Reading and judging what the go-live suite said."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

import migrate
from migrate import suite_run
from migrate.verify import Check, GoLive, Outcome, check_id, read_report, waive

REPORT = """\
<?xml version="1.0" encoding="utf-8"?>
<testsuites><testsuite name="pytest" tests="5">
<testcase classname="test_site_tls" name="test_chain_is_trusted" time="0.013">
  <properties><property name="proves" value="It is trusted."/></properties></testcase>
<testcase classname="test_site_tls" name="test_name_is_right" time="0.2">
  <failure message="assert 1 == 2">…</failure></testcase>
<testcase classname="test_site_files" name="test_disk[backups]" time="0"><skipped message="no df"/></testcase>
<testcase classname="test_site_files" name="test_modes" time="0">
  <error message="failed on setup">…</error></testcase>
<testcase classname="test_site_files" name="test_both" time="0">
  <failure message="a"/><error message="b"/></testcase>
</testsuite></testsuites>
"""


def result(*outcomes: Outcome, fault: str = "") -> GoLive:
    now = datetime(2027, 7, 1, tzinfo=UTC)
    checks = tuple(
        Check(id=f"a.{number}", proves="It holds.", outcome=outcome, seconds=0.1)
        for number, outcome in enumerate(outcomes)
    )
    return GoLive(
        tenant="tiny",
        environment="prod",
        attempt="realisation-1",
        started_at=now,
        ended_at=now,
        checks=checks,
        fault=fault,
    )


def test_a_report_is_read_by_what_each_check_found(tmp_path: Path) -> None:
    """Each test becomes a check with its id, its sentence, its worst outcome and why."""
    path = tmp_path / "report.xml"
    path.write_text(REPORT)
    assert [(c.id, c.proves, c.outcome, c.detail) for c in read_report(path)] == [
        ("tls.chain-is-trusted", "It is trusted.", "passed", ""),
        ("tls.name-is-right", "", "failed", "assert 1 == 2"),
        ("files.disk[backups]", "", "skipped", "no df"),
        ("files.modes", "", "error", "failed on setup"),
        ("files.both", "", "error", "b"),
    ]


@pytest.mark.parametrize("text", [None, "", REPORT[:300]])
def test_half_a_report_is_none(tmp_path: Path, text: str | None) -> None:
    """A report that is missing or cut short has no checks, so it cannot pass."""
    path = tmp_path / "report.xml"
    if text is not None:
        path.write_text(text)
    assert read_report(path) == ()


@pytest.mark.parametrize(
    ("found", "passes"),
    [
        (result("passed"), True),
        (result("passed", "waived"), True),
        (result(), False),
        (result("passed", "skipped"), False),
        (result("passed", "failed"), False),
        (result("passed", "error"), False),
        (result("passed", fault="the suite ended with 3"), False),
    ],
)
def test_only_a_whole_pass_opens(found: GoLive, passes: bool) -> None:
    """No check, a failure, an error, a skip without a waiver or a run that broke off keep the door closed."""
    assert found.passed is passes


def test_only_what_was_skipped_can_be_waived() -> None:
    """A waiver covers a check that could not be made; it changes no finding."""
    outcomes: tuple[Outcome, ...] = ("passed", "failed", "error", "skipped")
    waived = waive(result(*outcomes).checks, lambda check: "waived by Vera")
    assert [check.outcome for check in waived] == ["passed", "failed", "error", "waived"]


def test_a_waiver_is_asked_for_by_the_checks_id() -> None:
    """Each skipped check needs a waiver of its own."""
    checks = result("skipped", "skipped").checks
    waived = waive(checks, lambda check: "yes" if check.id == "a.1" else None)
    assert [check.outcome for check in waived] == ["skipped", "waived"]


def test_ids_are_words_that_a_waiver_can_name() -> None:
    """An id says area and check, with the parameter where there is one."""
    assert (
        check_id("test_site_tls", "test_old_version_is_refused[TLSv1.1]")
        == "tls.old-version-is-refused[TLSv1.1]"
    )


def test_the_suite_is_found_where_it_ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the work tree it lies in tests/golive; an installed package has it in migrate/golive."""
    assert suite_run.suite_folder().parts[-2:] == ("tests", "golive")
    installed = tmp_path / "migrate" / "golive"
    installed.mkdir(parents=True)
    (installed / "pytest.ini").touch()
    monkeypatch.setattr(migrate, "__file__", str(tmp_path / "migrate" / "__init__.py"))
    assert suite_run.suite_folder() == installed
