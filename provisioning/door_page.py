"""
What people read at a door that is not open, in their language, on any substrate.

Promise: one small page without anything to load, in which only ``@reason@`` is left to fill in; a language
that nobody wrote the words for reads English.
"""

from dataclasses import dataclass
from datetime import datetime

from provisioning.door_state import CLOSED_MARK, DoorState

REASON = "@reason@"
_PAGE = (
    '<!doctype html><html lang="{language}"><head><meta charset="utf-8">{mark}'
    '<meta name="viewport" content="width=device-width"><title>{heading}</title>{style}</head>'
    '<body data-door="{state}"><main><h1>{heading}</h1><p>{reason}</p></main></body></html>\n'
)


@dataclass(frozen=True)
class _Words:
    closed: str
    suspended: str
    later: str
    opens: str
    moment: str
    """Pattern of a date and a time, as Unicode's CLDR writes them."""


_WORDS = {
    "en": _Words(
        "This site is not open yet",
        "This site is suspended",
        "Please come back later.",
        "It opens by {moment}.",
        "d MMMM y, HH:mm",
    ),
    "fr": _Words(
        "Ce site n’est pas encore ouvert",
        "Ce site est suspendu",
        "Merci de revenir plus tard.",
        "Il ouvre au plus tard le {moment}.",
        "d MMMM y 'à' HH:mm",
    ),
    "de": _Words(
        "Diese Website ist noch nicht geöffnet",
        "Diese Website ist gesperrt",
        "Bitte versuchen Sie es später noch einmal.",
        "Sie öffnet spätestens am {moment}.",
        "d. MMMM y, HH:mm 'Uhr'",
    ),
    "nb": _Words(
        "Dette nettstedet er ikke åpnet ennå",
        "Dette nettstedet er stengt",
        "Vennligst prøv igjen senere.",
        "Det åpner senest {moment}.",
        "d. MMMM y 'kl.' HH:mm",
    ),
}


def form(state: DoorState, language: str, style: str = "") -> str:
    """
    Return the page of a door that is closed or suspended, with ``@reason@`` where the reason goes, as HTML.

    Args:
        style: A ``<style>`` element, where there is room for one.
    """
    known = language if language in _WORDS else "en"
    words = _WORDS[known]
    return _PAGE.format(
        language=known,
        mark=CLOSED_MARK,
        heading=words.suspended if state == "suspended" else words.closed,
        style=style,
        state=state,
        reason=REASON,
    )


def later(language: str, opens: datetime | None = None) -> str:
    """
    Return what stands in the place of a reason that nobody gave.

    Args:
        opens: By when the site is to be open, on the tenant's wall clock, if that is agreed.
    """
    known = language if language in _WORDS else "en"
    words = _WORDS[known]
    if opens is None:
        return words.later
    from babel.dates import format_datetime  # only a site that is to open yet waits for its dates

    return words.opens.format(moment=format_datetime(opens, words.moment, locale=known))
