"""What the tools say, told apart; and work shared out fairly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from migrate.databases import Endpoint
from migrate.errors import TransferError
from migrate.files import FILE_COST_BYTES, balanced
from migrate.remote_jobs import Ended
from migrate.transfer import way
from migrate.transfer.tools import complaints, require_success, without_extensions

CIRCLE = """pg_dump: warning: there are circular foreign-key constraints on this table:
pg_dump: detail: staff
pg_dump: hint: You might not be able to restore the dump without using --disable-triggers.
"""


def test_success_needs_status_and_silence() -> None:
    """Exit status 0 with an unknown word on stderr is a failure, and so is silence with another status."""
    require_success("pg_dump", Ended(0, "", CIRCLE), state="", next_step="")
    for ended in (Ended(0, "", "pg_dump: warning: skipped something\n"), Ended(1, "", ""), Ended(0, "", "?")):
        with pytest.raises(TransferError, match="pg_dump ended with"):
            require_success("pg_dump", ended, state="", next_step="")


def test_harmless_lines_excuse_only_their_own_details() -> None:
    """What belongs to a harmless warning is passed over; what follows another message is not."""
    said = CIRCLE + "pg_restore: error: could not execute query\nDETAIL:  Key (id)=(1) is missing.\n"
    assert complaints(said) == [
        "pg_restore: error: could not execute query",
        "DETAIL:  Key (id)=(1) is missing.",
    ]


def test_only_extensions_that_are_there_are_left_out() -> None:
    """The list of contents keeps everything but the target's own extensions and their comments."""
    toc = (
        "2; 3079 16385 EXTENSION - citext \n"
        "3; 3079 16386 EXTENSION - hstore \n"
        "4; 0 0 COMMENT - EXTENSION citext \n"
        '5; 3079 16387 EXTENSION - "uuid-ossp" \n'
        "6; 1259 16400 TABLE public EXTENSION postgres\n"
        "7; 3466 16500 EVENT TRIGGER - bascule_fence postgres\n"
        "8; 3466 16501 EVENT TRIGGER - bascule_fenced_in postgres\n"
    )
    kept = without_extensions(toc, {"citext", "uuid-ossp"}).splitlines()
    assert [line.split(";")[0] for line in kept] == ["3", "6", "8"]


def test_an_unknown_way_names_the_known_ones() -> None:
    """A playbook with a mode that no engine module offers is told which there are."""
    with pytest.raises(TransferError, match="no transfer 'live' for oracle") as error:
        way("oracle", "live")
    assert "bulk for postgresql" in str(error.value)


@given(st.lists(st.integers(0, 10_000_000), max_size=60), st.integers(1, 4))
def test_lists_are_balanced(sizes: list[int], parts: int) -> None:
    """Every name is on exactly one list, and no list outweighs another by more than its largest file."""
    entries = [(size, str(number).encode()) for number, size in enumerate(sizes)]
    lists = balanced(entries, parts)
    assert sorted(name for names in lists for name in names) == sorted(name for _, name in entries)
    weights = [sum(sizes[int(name)] + FILE_COST_BYTES for name in names) for names in lists]
    weights += [0] * (parts - len(lists))
    assert max(weights) - min(weights) <= max(sizes, default=0) + FILE_COST_BYTES


def test_a_password_file_escapes_what_separates() -> None:
    """A password with a colon or a backslash is still one field of the password file."""
    end = Endpoint("h", 5432, "db", "user", SecretStr(r"a:b\c"), "ca")
    assert end.pgpass == b"h:5432:db:user:a\\:b\\\\c\n"
    assert r"a:b\c" not in end.conninfo(ca_file="ca.pem") + repr(end)
