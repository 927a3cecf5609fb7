"""
Documents that people read and sign: Jinja templates, in the tenant's language, as tagged PDF.

Promise: the same content gives the same bytes, so a signature over a document holds for as long as
nothing in it changes; no network and no font from outside is used.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from babel import Locale
from babel.dates import format_date, format_skeleton
from babel.numbers import format_currency, format_decimal, format_percent
from pydantic import TypeAdapter

from migrate.case import Case
from migrate.rates import Language, Vendor, Words
from migrate.templating import templates
from provisioning.manifest import Manifest
from provisioning.manifest_operations import WEEKDAYS, Weekday

_REGION = {"CHF": "CH", "EUR": "", "NOK": "NO"}
"""Where the money is spent decides how numbers are written, as far as the language is spoken there."""
_LOCALES = {
    ("fr", "CH"): "fr_CH",
    ("de", "CH"): "de_CH",
    ("fr", ""): "fr_FR",
    ("de", ""): "de_DE",
    ("nb", "NO"): "nb_NO",
}


class _Words(Words):
    """A phrase of a template; it may be longer than a title and hold ``{names}`` to fill in."""

    fr: str
    de: str
    nb: str
    en: str


@cache
def phrases() -> dict[str, _Words]:
    """Return every phrase of the templates; one that lacks a language is refused here."""
    found: dict[str, _Words] = {}
    for path in (files("migrate") / "templates" / "documents").iterdir():
        if path.name.startswith("phrases") and path.name.endswith(".yaml"):
            text = path.read_text(encoding="utf-8")
            found |= TypeAdapter(dict[str, _Words]).validate_python(yaml.safe_load(text))
    return found


@dataclass(frozen=True)
class Voice:
    """How one tenant is written to: language, numbers, money, dates."""

    language: Language
    currency: str
    zone: ZoneInfo

    @classmethod
    def of(cls, manifest: Manifest) -> "Voice":
        return cls(manifest.language, manifest.currency, manifest.window.zone)

    @property
    def locale(self) -> Locale:
        default = {"en": "en_GB", "nb": "nb_NO", "fr": "fr_FR", "de": "de_DE"}[self.language]
        return Locale.parse(_LOCALES.get((self.language, _REGION[self.currency]), default))

    def say(self, phrase: str, /, **values: object) -> str:
        """Return a phrase with its ``{names}`` filled in."""
        return phrases()[phrase].in_(self.language).format(**values)

    def title(self, words: Words) -> str:
        return words.in_(self.language)

    def money(self, amount: Decimal, currency: str = "") -> str:
        """In the tenant's own currency where no other is named."""
        # English alone would write CHF2,400.00.
        spaced = "¤\u00a0#,##0.00" if self.language == "en" else None
        return format_currency(amount, currency or self.currency, format=spaced, locale=self.locale)

    def difference(self, amount: Decimal) -> str:
        """Money with its sign; a dash for none."""
        return f"{'+' if amount > 0 else ''}{self.money(amount)}" if amount else "–"

    def number(self, number: Decimal | int) -> str:
        return format_decimal(number, locale=self.locale)

    def percent(self, percent: Decimal) -> str:
        return format_percent(percent / 100, format="#,##0.## %", locale=self.locale)

    def day(self, day: date) -> str:
        return format_date(day, format="long", locale=self.locale)

    def weekday(self, day: Weekday) -> str:
        return str(self.locale.days["format"]["wide"][WEEKDAYS.index(day)])

    def short_day(self, day: date) -> str:
        """Day and month alone, for pictures."""
        return format_skeleton("MMMd", day, locale=self.locale)

    def moment(self, moment: datetime) -> str:
        """On the tenant's wall clock, with the weekday."""
        local = moment.astimezone(self.zone)
        return f"{format_date(local.date(), format='full', locale=self.locale)}, {local:%H:%M}"

    def minutes(self, seconds: float) -> str:
        """A length, rounded up to whole minutes; the signs are the same in all our languages."""
        hours, minutes = divmod(max(1, -(-round(seconds) // 60)), 60)
        return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"

    def seconds(self, seconds: float) -> str:
        return f"{self.number(Decimal(str(round(seconds, 1))))} s"

    def size(self, size: int) -> str:
        """Bytes in MB or GB (10^6, 10^9)."""
        unit, divisor = ("GB", 10**9) if size >= 10**9 else ("MB", 10**6)
        if self.language == "fr":
            unit = unit.replace("B", "o")
        return f"{self.number(round(Decimal(size) / divisor, 2 if unit[0] == 'G' else 1))} {unit}"


def write(case: Case, name: str, template: str, *, vendor: Vendor, **content: Any) -> Path:
    """Write a document of a case, such as ``offer.pdf``; the same content again changes nothing."""
    manifest = case.manifest
    pdf = render(template, Voice.of(manifest), customer=manifest, vendor=vendor, **content)
    return case.write_document(name, pdf)


def render_html(template: str, voice: Voice, **content: Any) -> str:
    """Return a document as HTML, before it is set as PDF."""
    return (
        templates("templates/documents")
        .get_template(f"{template}.html")
        .render(v=voice, say=voice.say, **content)
    )


def render(template: str, voice: Voice, **content: Any) -> bytes:
    """Return a document as PDF/UA, the kind that a screen reader can read."""
    # Takes longer to load than most commands run, and few of them write a PDF.
    from weasyprint import HTML
    from weasyprint.urls import URLFetcher

    # Templates hold all they need, pictures too; a URL to load in one is a mistake, and stops here.
    nothing = URLFetcher(allowed_protocols=("data",), fail_on_errors=True)
    html = HTML(string=render_html(template, voice, **content), url_fetcher=nothing)
    # Without an identifier of our own, one would be made up at random and no two would be equal.
    return bytes(html.write_pdf(pdf_variant="pdf/ua-1", pdf_identifier=f"bascule {template}".encode()))
