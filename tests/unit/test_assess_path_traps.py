"""Functions that find their names by the search path, found by their text."""

import pytest

from migrate.assess.path_traps import Function, find_path_traps

NAMES = ("stufe", "bewohner", "Übersicht")


def function(
    source: str, *, name: str = "ok", is_safe: bool = False, callers: tuple[str, ...] = ()
) -> Function:
    return Function("rai", name, source, "plpgsql", is_safe, callers)


def trapped(source: str, *others: Function, is_safe: bool = False) -> list[tuple[str, tuple[str, ...]]]:
    root = function(source, callers=("constraint c of rai.t",), is_safe=is_safe)
    return [(trap.function, trap.names) for trap in find_path_traps([root, *others], NAMES)]


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("SELECT EXISTS (SELECT 1 FROM stufe WHERE id = $1)", ("stufe",)),
        ("select count(*) from Stufe s join BEWOHNER b on true", ("bewohner", "stufe")),
        ('BEGIN RETURN (SELECT 1 FROM "Übersicht"); END', ("Übersicht",)),
        ("BEGIN INSERT INTO bewohner VALUES (1); RETURN NEW; END", ("bewohner",)),
        ("SELECT $1::stufe IS NOT NULL", ("stufe",)),
        ("SELECT andere($1)", ("andere",)),
    ],
)
def test_unqualified_names_are_found(source: str, names: tuple[str, ...]) -> None:
    """Tables after FROM and its like, types of casts, and functions that are called."""
    assert trapped(source, function("SELECT true", name="andere")) == [("rai.ok", names)]


@pytest.mark.parametrize(
    "source",
    [
        "SELECT EXISTS (SELECT 1 FROM rai.stufe)",
        'SELECT EXISTS (SELECT 1 FROM "rai" . stufe)',
        "SELECT stufe > 3",
        "SELECT length($1) > 3",
        "-- FROM stufe\nSELECT true /* FROM stufe */",
        "SELECT 'FROM stufe' <> $1",
        "SELECT rai.andere($1)",
        "SELECT count(*) > 0 FROM pg_class",
    ],
)
def test_no_alarm_where_nothing_is_looked_up(source: str) -> None:
    """Qualified names, columns, built-in functions, comments and texts are no traps."""
    assert trapped(source, function("SELECT true", name="andere")) == []


def test_function_with_a_path_of_its_own_is_safe() -> None:
    """SET search_path makes it independent of whoever calls; nothing behind it is looked at."""
    assert trapped("SELECT 1 FROM stufe", is_safe=True) == []


def test_trap_behind_another_function_is_found() -> None:
    """What is called by its whole name may itself rely on the path; who leads there is told."""
    behind = function("SELECT 1 FROM stufe", name="hilfe")
    root = function("SELECT rai.hilfe($1)", callers=("constraint c of rai.t",))
    (trap,) = find_path_traps([root, behind], NAMES)
    assert (trap.function, trap.names) == ("rai.hilfe", ("stufe",))
    assert trap.used_by == "constraint c of rai.t through rai.ok"


def test_function_that_nothing_calls_is_left_alone() -> None:
    """Users call it with the path that they have."""
    assert find_path_traps([function("SELECT 1 FROM stufe")], NAMES) == ()


def test_functions_that_call_each_other_end() -> None:
    """Recursion is followed once."""
    one, other = (
        function("SELECT rai.b()", name="a", callers=("index i",)),
        function("SELECT rai.a()", name="b"),
    )
    assert find_path_traps([one, other], NAMES) == ()
