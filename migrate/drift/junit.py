"""
A drift report as JUnit XML, which CI systems show by themselves.

Promise: one suite a stack and one case a check, so that the same case has a history; what was found is a
failure, what could not be told an error, what was not asked is skipped, and what is excused is neither.
"""

import xml.etree.ElementTree as ElementTree  # only written here, never read
from collections.abc import Sequence

from migrate.drift.findings import CHECKS, Check, Finding, StackReport
from migrate.drift.report import DriftReport

_CASES: tuple[Check, ...] = (*CHECKS, "maintenance", "record")


def junit(report: DriftReport) -> bytes:
    """Return the document."""
    root = ElementTree.Element("testsuites", name="drift")
    for one in report.standing:
        suite = ElementTree.SubElement(
            root, "testsuite", name=one.stack, time=f"{one.seconds}", timestamp=one.checked_at.isoformat()
        )
        counted = dict.fromkeys(("failures", "errors", "skipped"), 0)
        for check in _CASES:
            if kind := _case(suite, one, check):
                counted[kind] += 1
        suite.set("tests", str(len(_CASES)))
        for kind, number in counted.items():
            suite.set(kind, str(number))
    ElementTree.indent(root)
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _case(suite: ElementTree.Element, one: StackReport, check: Check) -> str:
    """Add one case; return what it is counted as, if anything."""
    case = ElementTree.SubElement(suite, "testcase", classname=one.stack, name=check)
    here = [finding for finding in one.findings if finding.check == check]
    errors = [finding for finding in here if finding.verdict == "error"]
    counting = [finding for finding in here if finding.counts]
    if errors:
        _tell(case, "error", errors)
        return "errors"
    if counting:
        _tell(case, "failure", counting)
        return "failures"
    if check != "record" and one.outcomes.get(check, "nothing") in ("nothing", "stopped"):
        ElementTree.SubElement(case, "skipped", message=one.outcomes.get(check, "nothing"))
        return "skipped"
    return ""


def _tell(case: ElementTree.Element, tag: str, findings: Sequence[Finding]) -> None:
    told = ElementTree.SubElement(case, tag, message=f"{len(findings)}: {findings[0].cause}")
    told.text = "\n".join(map(str, findings))
