"""
What a database is made of, compared as definitions, and who may do what with it, held to a rule.

Promise: tables, columns, constraints (validated and switched on or not), indexes, triggers, functions, views,
types, comments and all else that a dump carries are compared by their text; what lies in Bascule's own
schema is not the tenant's. Owners and grants differ between legacy and a site by design, so these are
held to the rule of the site: its owner owns everything, its application has what a transfer grants, PUBLIC
has what PUBLIC had at the source, and nobody else has anything.
"""

from dataclasses import dataclass

from migrate.compare.objects import differing
from migrate.compare.verdict import Difference
from migrate.databases import Session, query

Definitions = dict[tuple[str, str], str]
"""Definition by kind and name."""


@dataclass(frozen=True)
class Roles:
    """The roles of a site: who owns everything, and who reads and writes rows."""

    owner: str
    application: str


def definitions(session: Session) -> Definitions:
    """Return what the database is made of: definition by kind and name."""
    rows = session.execute(query("compare_definitions")).fetchall()
    found: Definitions = {}
    for kind, name, definition in rows:
        # Two constraints may bear one name on one table's two parents; both then count as one text.
        found[kind, name] = (
            f"{found[kind, name]}\n{definition}" if (kind, name) in found else definition or ""
        )
    return found


def differing_definitions(source: Definitions, target: Definitions) -> list[Difference]:
    """Return what only one side has, or the sides define otherwise."""
    return [
        Difference(kind=kind, name=name, source=source.get((kind, name)), target=target.get((kind, name)))
        for kind, name in sorted(source.keys() | target.keys())
        if source.get((kind, name)) != target.get((kind, name))
    ]


def public_rights(session: Session) -> dict[str, str]:
    """Return what PUBLIC may do where that is not what it may with anything new of the kind, by object."""
    return dict(session.execute(query("compare_public")).fetchall())


def broken_rights(target: Session, roles: Roles) -> list[Difference]:
    """Return what breaks the rule for owners and grants; `source` tells what the rule wants."""
    target.execute(
        "SELECT set_config('bascule.owner', %s, false), set_config('bascule.application', %s, false)",
        (roles.owner, roles.application),
    )
    return [
        Difference(kind=kind, name=name, source=expected, target=present)
        for kind, name, present, expected in target.execute(query("compare_rights")).fetchall()
    ]


def differing_rights(source: Session, target: Session, roles: Roles) -> list[Difference]:
    """Return everything in which the rights on the target are not as the rule has them."""
    public = differing("grant", public_rights(source), public_rights(target))
    return broken_rights(target, roles) + public
