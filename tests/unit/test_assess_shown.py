"""The screen of an assessment, and its page in the documentation."""

import re
from datetime import UTC, datetime
from pathlib import Path

from migrate.assess.facts import Finding, Growth
from migrate.assess.findings import all_findings, catalogue
from migrate.assess.shown import WIDTH, lines
from migrate.waivers import Waiver
from tests.support import quoting

PAGE = Path(__file__).parents[2] / "docs" / "assessment.md"


def test_every_kind_of_finding_is_documented() -> None:
    """With its severity and words, and none that no longer exists."""
    rows = dict(re.findall(r"^\| `([a-z0-9-]+)` \| (.*)$", PAGE.read_text(), re.MULTILINE))
    assert rows.keys() == catalogue().keys()
    for id_, kind in catalogue().items():
        severity = kind.severity + ("" if kind.waivable else ", never waived")
        assert rows[id_].startswith(f"{severity} | {kind.meaning} | "), id_


def screen(*findings: Finding, waived: dict[str, Waiver] | None = None, stale: tuple[str, ...] = ()) -> str:
    growth = Growth(bytes_per_day=2_000_000, rests_on="the assessment before")
    tables = tuple(quoting.table(f"tabelle_{n:02}", bytes=10**9 // (n + 1)) for n in range(30))
    database = quoting.database(tables=tables, growth=growth)
    found = quoting.assessment(findings=findings, databases=(database,), mode_because="because " * 40)
    return "\n".join(lines(found, waived or {}, stale))


def test_mode_and_stop_stand_above_the_findings() -> None:
    """What decides comes first; what no longer holds stands beside it; no line runs over the edge."""
    blocker, warning = all_findings(
        [], [quoting.database(server={"is_standby": True, "encoding": "LATIN1"}, wal_disk=None)], [], [], None
    )[:2]
    said = screen(blocker, warning, stale=("offer: the schema of pflege is another",))
    assert max(len(line) for line in said.splitlines()) <= WIDTH
    assert (
        said.index("mode: bulk; estimated stop: ")
        < said.index("  no longer holds: offer: the schema of pflege is another")
        < said.index("findings: 1 blocker, 1 warning\n")
        < said.index("blocker  server-is-standby (pflege)\n")
        < said.index("pflege: 10 largest of 30 tables\n")
        < said.index("the stop, part by part\n")
    )
    assert "(no waiver can help)" in said
    assert "grows by 2.0 MB a day" in " ".join(said.split())


def test_rehearsed_stop_stands_beside_the_estimate() -> None:
    """As long as there is one that still holds, it is what counts."""
    said = "\n".join(lines(quoting.assessment(), {}, [], (3.94, 8.2)))
    assert "\n  rehearsed: 3.9 to 8.2 s, which counts in the place of the estimate\n" in said
    assert "rehearsed" not in screen()


def test_waived_finding_is_shown_as_waived() -> None:
    """With who, until when and why, in the place of what to do."""
    (finding, *_) = all_findings([], [quoting.database(server={"encoding": "LATIN1"})], [], [], None)
    waiver = Waiver(
        tenant="alpenblick",
        what=finding.waiver_id,
        by="vera@vendor.example",
        reason="The rehearsal loaded it.",
        given_at=datetime(2027, 1, 1, tzinfo=UTC),
        expires_at=datetime(2027, 3, 10, 14, tzinfo=UTC),
    )
    said = screen(finding, waived={finding.waiver_id: waiver})
    assert f"waived   {finding.id} (pflege)\n" in said
    assert "waived by vera@vendor.example until 2027-03-10 14:00 UTC: The rehearsal loaded it.\n" in said
    assert finding.remedy not in said


def test_nothing_found_is_said() -> None:
    """An empty list is a sentence, not a gap."""
    assert "\nnothing was found that matters for the move\n" in screen()
