"""The demo tenant's files: its manifest, its documents, its pages' formats."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest

from examples.alpenblick.app.pflegebuch import formats
from examples.alpenblick.app.pflegebuch.receiving import Message
from examples.alpenblick.app.pflegebuch.settings import Settings
from examples.alpenblick.copytext import field
from examples.alpenblick.counts import Counts
from examples.alpenblick.documents import documents, write_tree
from examples.alpenblick.people import Pools
from examples.alpenblick.rows import all_tables
from migrate.window_rules import broken_rules
from provisioning.manifest_file import load_manifest
from provisioning.workspace import Workspace

ALPENBLICK = Path(__file__).resolve().parents[2] / "examples" / "alpenblick"


def test_the_committed_manifest_is_sound_and_its_window_keeps_the_rules() -> None:
    """The demo's manifest is one that `fab check` accepts, with a window that may be agreed."""
    manifest = load_manifest(Workspace(ALPENBLICK), "alpenblick")
    window = manifest.window
    assert not broken_rules(
        window.opens_at,
        window.closes_at,
        window.zone,
        modules=manifest.modules,
        weekend_asked=False,
        estimate_high_seconds=3600,
    )


def test_a_seed_gives_the_same_rows_and_another_seed_others() -> None:
    """Rows follow from seed and scale alone."""

    def rows(seed: int) -> list[str]:
        return [line for table in all_tables(Pools(seed), Counts(0.01)) for line in table.lines]

    first = rows(3)
    assert first == rows(3)
    assert first != rows(4)


def test_a_seed_gives_the_same_documents(tmp_path: Path) -> None:
    """Files, modes and times follow from the seed, and a second writing changes nothing."""

    def seen(folder: Path) -> dict[str, tuple[int, float, bytes]]:
        return {
            str(path.relative_to(folder)): (path.stat().st_mode, path.stat().st_mtime, path.read_bytes())
            for path in folder.rglob("*")
            if path.is_file() and not path.is_symlink()
        }

    for name in ("one", "two"):
        write_tree(tmp_path / name, 5, 0.02)
    first = seen(tmp_path / "one")
    write_tree(tmp_path / "one", 5, 0.02)
    assert first == seen(tmp_path / "one") == seen(tmp_path / "two")
    known = {document.path for document in documents(5, Counts(0.02))}
    assert known <= set(first)
    assert any(not content for _, _, content in first.values())
    assert (tmp_path / "one/Gemeinsam genutzt/Archiv/verwaist").is_symlink()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "\\N"),
        (True, "t"),
        ("a\tb\nc\\d\r", "a\\tb\\nc\\\\d\\r"),
        ("\\N", "\\\\N"),
        (b"\x00\xff", "\\\\x00ff"),
        (['q"x', "a\\b"], '{"q\\\\"x","a\\\\\\\\b"}'),
        (Decimal("1.50"), "1.50"),
    ],
)
def test_copy_text_escapes_what_copy_would_read_otherwise(value: object, text: str) -> None:
    """Each kind of value is written as COPY's text format has it."""
    assert field(value) == text  # type: ignore[arg-type]  # one of Value's kinds each


def test_no_value_breaks_a_page() -> None:
    """Nothing, NaN and infinity have a sign of their own; numbers are written as in Switzerland."""
    assert [formats.number(Decimal(x)) for x in ("NaN", "Infinity")] == ["–", "–"]
    assert formats.number(12345.678, 1) == "12’345.7"
    assert formats.size(999) == "999 Byte"
    assert formats.size(12_345_678) == "12 MB"
    assert formats.day(None) == formats.moment(None) == "–"
    assert formats.moment(datetime(2026, 7, 1, 12, 0, tzinfo=UTC)) == "01.07.2026, 14:00"


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"sequence": 0, "id": str(UUID(int=1)), "payload": {}},
        {"sequence": True, "id": str(UUID(int=1)), "payload": {}},
        {"sequence": 1, "id": "x", "payload": {}},
        {"sequence": 1, "id": 7, "payload": {}},
        {"sequence": 1, "id": str(UUID(int=1)), "payload": "x"},
        {"sequence": 2**63, "id": str(UUID(int=1)), "payload": {}},
    ],
)
def test_a_malformed_message_is_refused(body: object) -> None:
    """Nothing but a whole message is taken in."""
    with pytest.raises(ValueError, match=r"."):
        Message.parse("labor", body)


def test_missing_settings_are_all_named() -> None:
    """An application without its settings says which are missing, all at once."""
    with pytest.raises(SystemExit, match="APP_DATABASE, APP_LISTEN, APP_FILES"):
        Settings.read({})
