"""Documents as PDF: the same bytes twice, their figures readable, four languages complete."""

import re
import string
import subprocess
import zlib
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from jinja2 import UndefinedError
from weasyprint.urls import FatalURLFetchingError

from migrate.acceptance import Item, Sheet, Table
from migrate.case import Case
from migrate.documents import Voice, phrases, render, write
from migrate.invitation import invitation
from migrate.offer import make_offer
from migrate.rates import LANGUAGES, Language
from migrate.schedule import Schedule
from migrate.settlement import Performed, settle
from provisioning.workspace import Workspace
from tests.support import quoting


def text_of(pdf: bytes) -> str:
    """What a reader's program gets out of a PDF, in reading order, white space evened out."""
    done = subprocess.run(["pdftotext", "-layout", "-", "-"], input=pdf, capture_output=True, check=True)
    return " ".join(done.stdout.decode().split())


def info_of(pdf: bytes) -> str:
    return subprocess.run(["pdfinfo", "-"], input=pdf, capture_output=True, check=True).stdout.decode()


def offer_pdf(language: Language) -> bytes:
    manifest = quoting.manifest(language=language, modules=["epdoc"])
    offer = make_offer(manifest, quoting.assessment(), quoting.request(), quoting.rates(), date(2026, 11, 3))
    return render("offer", Voice.of(manifest), customer=manifest, vendor=offer.vendor, offer=offer)


@pytest.mark.parametrize(
    ("language", "figures"),
    [
        (
            "de",
            [
                "Offerte",
                "CHF 2’400.00",
                "CHF 5’826.60",
                "MWST 8.1 %",
                "3. November 2026",
                "Dienstag, 9. März 2027, 17:00",
            ],
        ),
        (
            "fr",
            [
                "Offre",
                "2 400,00 CHF",
                "5 826,60 CHF",
                "TVA 8,1 %",
                "3 novembre 2026",
                "mardi, 9 mars 2027, 17:00",
            ],
        ),
        ("en", ["Offer", "CHF 2,400.00", "CHF 5,826.60", "VAT 8.1 %", "3 November 2026"]),
        ("nb", ["Tilbud", "5 826,60", "Mva. 8,1 %", "3. november 2026"]),
    ],
)
def test_offer_shows_its_figures(language: Language, figures: list[str]) -> None:
    """Positions, totals, VAT, dates and how to sign stand in the PDF, as the language writes them."""
    text = text_of(offer_pdf(language))
    for figure in [
        *figures,
        "ssh-keygen -Y sign -n bascule",
        "offer.pdf.sig",
        "anna.kaeser@alpenblick.example",
    ]:
        assert figure in text


def test_same_content_gives_the_same_bytes() -> None:
    """A signature under a document outlives the repetition of the step that wrote it."""
    assert offer_pdf("de") == offer_pdf("de")


def test_document_is_tagged_for_screen_readers() -> None:
    """The PDF is tagged, names its language and has a title."""
    pdf = offer_pdf("de")
    assert "Tagged: yes" in " ".join(info_of(pdf).split())
    assert "Offerte für den Umzug in die SaaS" in info_of(pdf)
    parts = re.findall(rb"stream\n(.*?)\nendstream", pdf, re.DOTALL)
    assert any(b"/Lang (de)" in zlib.decompress(part) for part in parts)


def test_writing_the_same_document_again_journals_nothing(tmp_path: Path) -> None:
    """The file of a case is written once for one content."""
    case = Case(Workspace(tmp_path), quoting.manifest())
    for _ in range(2):
        write(
            case,
            "support.pdf",
            "support",
            vendor=quoting.rates().vendor,
            url="https://alpenblick.care.example",
            opened_on=date(2027, 3, 9),
        )
    assert [record.about for record in case.journal] == ["support.pdf"]
    text = text_of(case.document("support.pdf").read_bytes())
    assert "support@pflegewerk.example" in text


def test_settlement_shows_the_difference() -> None:
    """Offered, actual and the difference of each line stand side by side, with the notes."""
    manifest = quoting.manifest()
    offer = make_offer(manifest, quoting.assessment(), quoting.request(), quoting.rates(), date(2026, 11, 3))
    work = [Performed(position="conversion", quantity=Decimal("7.5"), note="Abend", on=date(2027, 3, 9))]
    settled = settle(offer, work, date(2027, 3, 12))
    text = text_of(
        render("settlement", Voice.of(manifest), customer=manifest, vendor=offer.vendor, settlement=settled)
    )
    for figure in (
        "Schlussabrechnung",
        "+CHF 247.50",
        "CHF 1’237.50",
        "Abend",
        "Differenz zur Offerte",
        "7.5",
    ):
        assert figure in text


def test_acceptance_lists_what_to_check() -> None:
    """The checklist names databases, interfaces, modules and every table; what differs stands out."""
    manifest = quoting.manifest(modules=["epdoc"])
    sheet = Sheet(
        url="https://alpenblick.care.example",
        opened_on=date(2027, 3, 9),
        application="pflegebuch 2.0.0",
        stop_seconds=38.42,
        items=(
            Item(
                kind="database",
                name="pflege",
                values={"tables": 2, "rows": 12_500, "differing": 1},
                agrees=False,
            ),
            Item(
                kind="files",
                name="dokumente",
                values={"files": 24, "size": 3_100_000, "differing": 0},
                agrees=True,
            ),
            Item(kind="interface", name="labor", values={"lost": 0, "duplicates": 0}, agrees=True),
            Item(kind="module", name="epdoc", values={}, agrees=True),
            Item(kind="golive", name="", values={"passed": 40, "waived": 1, "failed": 0}, agrees=True),
        ),
        tables=(
            Table(name="rai.bewohner", rows_before=12_000, rows_now=12_000, agrees=True),
            Table(name="rai.protokoll", rows_before=501, rows_now=500, agrees=False),
        ),
    )
    pdf = render(
        "acceptance", Voice.of(manifest), customer=manifest, vendor=quoting.rates().vendor, sheet=sheet
    )
    text = text_of(pdf)
    for figure in (
        "2 Tabellen, 12’500 Zeilen, Abweichungen: 1",
        "24 Dateien, 3.1 MB, Abweichungen: 0",
        "verloren: 0, doppelt: 0",
        "40 bestanden, 1 erlassen, 0 nicht bestanden",
        "38.4 s",
        "rai.protokoll 501 500 abweichend",
        "acceptance.pdf.sig",
    ):
        assert figure in text


def test_every_phrase_is_complete_in_every_language() -> None:
    """No language lacks a phrase, and all fill in the same names."""
    for key, phrase in phrases().items():
        names = [
            {name for _, name, _, _ in string.Formatter().parse(phrase.in_(language)) if name}
            for language in LANGUAGES
        ]
        assert all(one == names[0] for one in names), key


def test_missing_content_is_an_error() -> None:
    """A template never leaves a blank where a figure belongs."""
    manifest = quoting.manifest()
    with pytest.raises(UndefinedError):
        render("offer", Voice.of(manifest), customer=manifest, vendor=quoting.rates().vendor)


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture from outside in a template stops the document instead of being loaded."""
    monkeypatch.setattr(
        "migrate.documents.render_html", lambda *a, **k: '<img src="http://127.0.0.1:9/x.png">'
    )
    with pytest.raises(FatalURLFetchingError):
        render("offer", Voice.of(quoting.manifest()))


def test_lengths_and_sizes_read_well() -> None:
    """Minutes are rounded up, hours shown; sizes take the unit that fits."""
    voice = Voice("fr", "CHF", ZoneInfo("Europe/Zurich"))
    assert [voice.minutes(s) for s in (0.0, 61.0, 3600.0, 5400.0)] == [
        "1 min",
        "2 min",
        "1 h 00 min",
        "1 h 30 min",
    ]
    assert [voice.size(n) for n in (1_500_000, 2_340_000_000)] == ["1,5 Mo", "2,34 Go"]
    assert voice.difference(Decimal(0)) == "–"


def schedule(**changes: object) -> Schedule:
    agreed = datetime(2027, 1, 4, 9, tzinfo=UTC)
    return Schedule.model_validate(
        {
            "opens_at": "2027-03-09T17:00:00+01:00",
            "closes_at": "2027-03-10T14:00:00+01:00",
            "time_zone": "Europe/Zurich",
            "site_name": "alpenblick.care.example",
            "on_weekend": False,
            "agreed_at": agreed,
            "agreed_with": "anna.kaeser@alpenblick.example",
            "estimate_high_seconds": 600.0,
            **changes,
        }
    )


def test_invitation_is_a_calendar_file() -> None:
    """CRLF, at most 75 octets a line, commas escaped, moments in UTC; a new date keeps the identity."""
    first = invitation(
        schedule(), tenant="alpenblick", summary="Umzug, jetzt", description="Ä" * 90, organizer="a@b.example"
    )
    lines = first.split(b"\r\n")
    assert lines[0] == b"BEGIN:VCALENDAR"
    assert lines[-1] == b""
    assert max(len(line) for line in lines) <= 75
    assert b"DTSTART:20270309T160000Z" in lines
    assert b"DTEND:20270310T130000Z" in lines
    assert rb"SUMMARY:Umzug\, jetzt" in lines
    assert "Ä" * 90 in first.replace(b"\r\n ", b"").decode()
    later = schedule(agreed_at=datetime(2027, 1, 4, 9, tzinfo=UTC) + timedelta(days=1))
    moved = invitation(later, tenant="alpenblick", summary="x", description="", organizer="a@b.example")
    uid = next(line for line in lines if line.startswith(b"UID:"))
    assert uid in moved.split(b"\r\n")
