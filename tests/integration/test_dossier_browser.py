"""The dossier in a real browser: at desktop and phone width, and on paper."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.dossier import page as dossier
from tests.support.browser import Page, chromium
from tests.support.finished_case import finished_case

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    with chromium() as page:
        yield page


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return dossier.write(finished_case(tmp_path_factory.mktemp("dossier"), differing=True)).page


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_fits_and_asks_for_nothing(browser: Page, written: Path, width: int) -> None:
    """Nothing sticks out sideways, the console is silent, and no file but the page itself is asked for."""
    browser.requests.clear()
    browser.complaints.clear()
    browser.open(written, width)
    assert browser.value("document.documentElement.scrollWidth") <= width
    assert browser.value("getComputedStyle(document.querySelector('.figures')).display") == "grid"
    assert browser.requests == [written.as_uri()]
    assert browser.complaints == []


def test_the_page_has_what_a_screen_reader_goes_by(browser: Page, written: Path) -> None:
    """One main heading, landmarks, a name for every picture and table, a head for every column."""
    browser.open(written, 1280)
    assert browser.value("document.querySelectorAll('h1').length") == 1
    assert browser.value("document.documentElement.lang") == "en"
    assert browser.value("['header','main','footer','nav'].every(n => document.querySelector(n))")
    assert browser.value(
        "[...document.querySelectorAll('table')].every(t => t.caption && t.caption.textContent)"
    )
    assert browser.value("[...document.querySelectorAll('thead th')].every(h => h.scope === 'col')")
    assert browser.value("[...document.querySelectorAll('svg')].every(s => s.getAttribute('aria-label'))")
    assert browser.value(
        "[...document.querySelectorAll('nav a')].every(a => document.querySelector(a.getAttribute('href')))"
    )


def test_everything_that_scrolls_is_reached_by_keyboard(browser: Page, written: Path) -> None:
    """On a phone wide tables scroll by themselves, so each can be focused."""
    browser.open(written, 390)
    assert browser.value(
        "[...document.querySelectorAll('.wide')].filter(w => w.scrollWidth > w.clientWidth)"
        ".every(w => w.tabIndex === 0)"
    )


def test_it_prints_with_everything_unfolded(browser: Page, written: Path) -> None:
    """On paper nothing can be opened, so the folded tables are printed whole."""
    browser.open(written, 1280)
    browser.call("Emulation.setEmulatedMedia", media="print")
    folded = "[...document.querySelectorAll('details table')]"
    try:
        assert browser.value(f"{folded}.length") >= 2
        assert browser.value(f"{folded}.every(t => t.getBoundingClientRect().height > 20)")
        paper = base64.b64decode(browser.call("Page.printToPDF", preferCSSPageSize=True)["data"])
    finally:
        browser.call("Emulation.setEmulatedMedia", media="")
    assert paper.startswith(b"%PDF-")
    assert paper.count(b"/Type /Page\n") >= 2
