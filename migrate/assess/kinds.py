"""
Kinds of findings: what each is called, how much it matters, what it means and what to do about it.

A kind is one function that looks at the facts of one subject and says what it saw, or nothing:

    @database.kind("blocker", meaning="a standby cannot be frozen …", remedy="name the primary …")
    def server_is_standby(facts: Database) -> Seen:
        return "the server is a standby" if facts.server.is_standby else None

Promise: the function's name is the finding's id, ``server-is-standby``, and stays what it is: waivers
name it. Every kind is in `catalogue`, whether or not it was ever seen.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Generic, TypeVar

from migrate.assess.facts import Finding, Severity
from migrate.errors import Refused

S = TypeVar("S")
Seen = str | Iterable[str] | None
"""What was seen, such as ``unlogged tables (1): rai.zwischen``; several make several findings."""


@dataclass(frozen=True)
class Kind(Generic[S]):
    """One kind of finding. ``{subject}`` in the remedy stands for what it was found on."""

    id: str
    severity: Severity
    meaning: str
    remedy: str
    waivable: bool
    see: Callable[[S], Seen]

    def findings(self, subject: str, facts: S) -> Iterator[Finding]:
        seen = self.see(facts)
        for what in [seen] if isinstance(seen, str) else seen or ():
            yield Finding(
                id=self.id,
                severity=self.severity,
                subject=subject,
                what=what,
                meaning=self.meaning,
                remedy=self.remedy.replace("{subject}", subject),
                waivable=self.waivable,
            )


class Kinds(Generic[S]):
    """All kinds that look at one sort of facts."""

    def __init__(self) -> None:
        self.found: list[Kind[S]] = []

    def kind(
        self, severity: Severity, *, meaning: str, remedy: str, waivable: bool = True
    ) -> Callable[[Callable[[S], Seen]], Callable[[S], Seen]]:
        """Enter a function as a kind of finding; its name is the id."""

        def enter(see: Callable[[S], Seen]) -> Callable[[S], Seen]:
            id_ = see.__name__.replace("_", "-")
            self.found.append(Kind(id_, severity, meaning, remedy, waivable, see))
            return see

        return enter

    def findings(self, subject: str, facts: S) -> Iterator[Finding]:
        """Yield what there is to say about `facts`, in the order of the kinds."""
        for kind in self.found:
            yield from kind.findings(subject, facts)


def require_waivable(id_: str, catalogue: dict[str, Kind[object]]) -> None:
    """
    Refuse a waiver of what is no finding, or of one that no signature can help.

    Raises:
        Refused: Names the finding that may have been meant, or what to do in place of a waiver.
    """
    kind = catalogue.get(id_)
    if kind is None:
        near = get_close_matches(id_, catalogue, 1)
        raise Refused(f"there is no finding {id_}" + (f"; did you mean {near[0]}?" if near else ""))
    if not kind.waivable:
        raise Refused(
            f"finding {id_} cannot be waived: {kind.meaning}",
            next_step=kind.remedy.replace("{subject}", "it"),
        )


def listed(names: Iterable[object], most: int = 5) -> str:
    """Return names as text, the first few and how many more."""
    every = [str(name) for name in names]
    shown = ", ".join(every[:most])
    return shown + (f" and {len(every) - most} more" if len(every) > most else "")


def counted(what: str, names: Iterable[object]) -> str | None:
    """Return such as ``foreign tables (2): a.b, a.c``; None when there are none."""
    every = list(names)
    return f"{what} ({len(every)}): {listed(every)}" if every else None
