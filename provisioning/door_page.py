"""
What people read at a door that is not open, in their language, on any substrate.

Promise: one small page without anything to load, in which only ``@reason@`` is left to fill in; a language
that nobody wrote the words for reads English.
"""

from dataclasses import dataclass

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


_WORDS = {
    "en": _Words("This site is not open yet", "This site is suspended", "Please come back later."),
    "fr": _Words("Ce site n’est pas encore ouvert", "Ce site est suspendu", "Merci de revenir plus tard."),
    "de": _Words(
        "Diese Website ist noch nicht geöffnet",
        "Diese Website ist gesperrt",
        "Bitte versuchen Sie es später noch einmal.",
    ),
    "nb": _Words(
        "Dette nettstedet er ikke åpnet ennå", "Dette nettstedet er stengt", "Vennligst prøv igjen senere."
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


def later(language: str) -> str:
    """Return what stands in the place of a reason that nobody gave."""
    return _WORDS.get(language, _WORDS["en"]).later
