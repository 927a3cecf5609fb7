"""A drift report as JUnit XML and as a page."""

import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime
from pathlib import Path

import pytest

from migrate.drift.findings import CHECKS, Finding, StackReport, unseen
from migrate.drift.junit import junit
from migrate.drift.page import page
from migrate.drift.report import DriftReport
from tests.support.browser import chromium

NOW = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)


def stack(name: str, *findings: Finding) -> StackReport:
    tenant, environment = name.rsplit("-", 1)
    outcomes = {**dict.fromkeys(CHECKS, "clean"), "policy": "nothing"}
    if findings:
        outcomes["refresh"] = "found"
    return StackReport.model_validate(
        {
            "stack": name,
            "tenant": tenant,
            "environment": environment,
            "checked_at": NOW,
            "good_at": NOW,
            "outcomes": outcomes,
            "findings": findings,
        }
    )


def changed(tenant: str) -> tuple[Finding, ...]:
    path = 'files["etc/nginx/nginx.conf"]'
    web = Finding(
        check="refresh",
        verdict="drifted",
        resource=f"{tenant}-web",
        type="bascule:local:WebServer",
        path=path,
    )
    scaled = Finding(check="refresh", verdict="ignored", resource=f"{tenant}-hosts", path="desiredCapacity")
    return web, scaled, Finding(check="unmanaged", verdict="unmanaged", resource="role <intruder>")


REPORT = DriftReport(
    (
        stack("alpha-test"),
        stack("alpha-prod", *changed("alpha")),
        stack("beta-prod", *changed("beta")),
        unseen("gamma-prod", NOW, "pulumi refresh ended with 255:\nerror: incorrect passphrase"),
    ),
    NOW,
)


def test_junit_tells_failures_errors_and_what_was_skipped() -> None:
    """A case a check: found is a failure, could not tell an error, nothing to ask is skipped."""
    suites = {one.get("name"): one for one in ElementTree.fromstring(junit(REPORT))}  # noqa: S314 - our own
    assert [suites["alpha-test"].get(kind) for kind in ("tests", "failures", "errors", "skipped")] == [
        *"6002"
    ]
    assert [suites["beta-prod"].get(kind) for kind in ("failures", "errors", "skipped")] == [*"202"]
    assert [suites["gamma-prod"].get(kind) for kind in ("failures", "errors")] == [*"01"]
    assert "incorrect passphrase" in (suites["gamma-prod"].findtext("testcase/error") or "")


def test_the_page_has_a_row_a_tenant_and_groups_causes() -> None:
    """Each tenant is one row, a cause that two share is told once with both, and text is escaped."""
    text = page(REPORT)
    for tenant in ("alpha", "beta", "gamma"):
        assert text.count(f'<th scope="row">{tenant}</th>') == 1
    assert "2: alpha-prod, beta-prod" in text
    assert "role &lt;intruder&gt;" in text
    assert "<script" not in text
    assert text.count(">not looked at</p>") == 2  # test sites of beta and gamma: of another shard, perhaps
    gone = stack("delta-test").model_copy(update={"is_there": False})
    assert ">not stood up</p>" in page(DriftReport((gone,), NOW))


@pytest.mark.browser
def test_the_page_is_whole_on_a_phone_and_asks_for_nothing(tmp_path: Path) -> None:
    """At a phone's width nothing is cut off; nothing is fetched, and the browser does not complain."""
    file = tmp_path / "drift.html"
    file.write_text(page(REPORT), encoding="utf-8")
    with chromium() as browser:
        for width in (390, 1280):
            browser.open(file, width)
            assert browser.value("document.documentElement.scrollWidth") <= width
        assert browser.requests == [file.as_uri()] * 2
        assert browser.complaints == []
