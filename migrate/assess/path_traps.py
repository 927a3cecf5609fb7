"""
Functions that find their names by the search path, where there will be none.

Loading rows, building indexes and applying changes happen with an empty search path. A function that a
check, an index or a trigger calls there, and that names a table without its schema, fails at the first row.

Promise: reads the text of functions, runs none. It looks for names that follow FROM, JOIN and their like
or stand before a parenthesis, so a column or a variable of the same name is no alarm; a statement put
together as text (EXECUTE) is not seen, which is why a rehearsal has the last word.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from migrate.assess.facts import PathTrap

_NAME = r'"(?:[^"]|"")+"|[^\W\d]\w*'
_NOISE = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.DOTALL)
_RELATION = re.compile(
    rf"\b(?:FROM|JOIN|INTO|UPDATE|TABLE|ONLY)\s+(?P<name>{_NAME})(?P<dot>\s*\.)?", re.IGNORECASE
)
_CALL = re.compile(rf"(?P<before>\.\s*)?(?<!\w)(?P<name>{_NAME})\s*\(")
_QUALIFIED = re.compile(rf"(?P<schema>{_NAME})\s*\.\s*(?P<name>{_NAME})\s*\(")
_CAST = re.compile(rf"::\s*(?P<name>{_NAME})(?P<dot>\s*\.)?")


@dataclass(frozen=True)
class Function:
    """One of the tenant's functions. `is_safe` when it brings its own path or was parsed when made."""

    schema_name: str
    name: str
    source: str
    language: str
    is_safe: bool
    callers: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.schema_name}.{self.name}"


def find_path_traps(functions: Iterable[Function], names: Iterable[str]) -> tuple[PathTrap, ...]:
    """
    Return the functions that would fail, each with who calls it and the names that it would not find.

    Args:
        functions: All of the tenant's functions in SQL and PL/pgSQL; those with callers are where to begin.
        names: Relations and types of the tenant's schemas, without their schemas.
    """
    every = list(functions)
    by_name: dict[str, list[Function]] = {}
    for function in every:
        by_name.setdefault(function.name, []).append(function)
    known, found = frozenset(names), []
    for root in every:
        if root.callers:
            reached = _reached(root, by_name)
            for function in reached:
                missed = sorted(_unqualified(function, known, by_name))
                if missed:
                    used_by = ", ".join(root.callers)
                    through = "" if function is root else f" through {root}"
                    found.append(
                        PathTrap(function=str(function), used_by=used_by + through, names=tuple(missed))
                    )
    return tuple(dict.fromkeys(found))


def _reached(root: Function, by_name: Mapping[str, list[Function]]) -> list[Function]:
    """A function and those that it calls by their whole names, as far as none brings a path of its own."""
    seen: list[Function] = []
    waiting = [root]
    while waiting:
        function = waiting.pop()
        if function in seen or function.is_safe:
            continue
        seen.append(function)
        for call in _QUALIFIED.finditer(_code(function.source)):
            schema = _plain(call["schema"])
            waiting += [f for f in by_name.get(_plain(call["name"]), ()) if f.schema_name == schema]
    return seen


def _unqualified(
    function: Function, known: frozenset[str], by_name: Mapping[str, list[Function]]
) -> set[str]:
    code = _code(function.source)
    relations = {_plain(m["name"]) for m in _RELATION.finditer(code) if not m["dot"]}
    casts = {_plain(m["name"]) for m in _CAST.finditer(code) if not m["dot"]}
    calls = {_plain(m["name"]) for m in _CALL.finditer(code) if not m["before"]}
    return ((relations | casts) & known) | (calls & by_name.keys())


def _code(source: str) -> str:
    """The source without comments and texts."""
    return _NOISE.sub(" ", source)


def _plain(name: str) -> str:
    """A name as the catalogue has it: folded, unless it is quoted."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()
