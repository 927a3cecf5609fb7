"""
The form on which a person decides what becomes of each database: ``stacks/<tenant>.inventory.yaml``.

    databases:
      - {id: postgresql serveur:5432 compta, decision: purge, by: gerant@cabinet.example}
      - {id: sqlite serveur:files/caisse.db, decision: move, by: gerant@cabinet.example}

move: as it is. purge: without the rows that the manifest's rules drop. leave: it stays where it is.

Promise: nothing is decided for anybody, and no decision is believed that the manifest contradicts; all
that is lacking is named at once.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import yaml
from pydantic import EmailStr

from migrate.case import Case, write_whole
from migrate.errors import Waiting
from migrate.inventory.found import FoundDatabase, FoundDatabases
from provisioning.manifest import Manifest
from provisioning.model import Model
from provisioning.model_file import load_model


class Decision(Model):
    """What becomes of one database."""

    id: str
    decision: Literal["move", "purge", "leave"] | None = None
    by: EmailStr | None = None


class Form(Model):
    """``stacks/<tenant>.inventory.yaml``."""

    databases: tuple[Decision, ...]


def form_file(case: Case) -> Path:
    return case.workspace.stacks / f"{case.manifest.tenant}.inventory.yaml"


def write_form(case: Case, found: FoundDatabases) -> Path:
    """Write a form with every database that it lacks; what is decided on it already stays as it is."""
    path, known = form_file(case), set()
    kept: list[object] = []
    if path.exists():
        kept = yaml.safe_load(path.read_text())["databases"]
        known = {one.id for one in _read(case).databases}
    new = [{"id": one.id, "decision": None, "by": None} for one in found.databases if one.id not in known]
    if new:
        head = "# Decide on each: move, purge (move without what is too old) or leave, and by whom.\n"
        text = yaml.safe_dump({"databases": [*kept, *new]}, sort_keys=False, allow_unicode=True)
        write_whole(path, (head + text).encode())
    return path


def decided(case: Case, found: FoundDatabases) -> list[tuple[FoundDatabase, Decision]]:
    """
    Return each database with its decision.

    Raises:
        Waiting: Something is not decided, or decided otherwise than the manifest says; names all of it.
    """
    form = {one.id: one for one in _read(case).databases}
    lacking = [
        f"  {one.id}: {line}"
        for one in found.databases
        for line in _lacking(case.manifest, one, form.get(one.id))
    ]
    if lacking:
        listed = "\n".join(lacking)
        raise Waiting(
            f"{len(lacking)} to decide on databases of {case.manifest.tenant}:\n{listed}",
            next_step=f"fill in {form_file(case)}; then fab run --tenant {case.manifest.tenant}",
        )
    return [(one, form[one.id]) for one in found.databases]


def _lacking(manifest: Manifest, one: FoundDatabase, decision: Decision | None) -> Iterator[str]:
    if decision is None or decision.decision is None or decision.by is None:
        yield "move, purge or leave, and by whom"
        return
    moves = _moves(manifest, one)
    match decision.decision:
        case "leave" if moves:
            yield f"leave, yet it is part of {moves}, which moves; take it out there, or decide otherwise"
        case "move" | "purge" if one.is_closed:
            yield f"{decision.decision}, yet nobody gave a login: add one to inventory.servers, or leave it"
        case "move" | "purge" if not moves:
            where = "legacy.files" if one.is_file else "legacy.databases"
            yield f"{decision.decision}, yet nothing under {where} moves it; add it there, or leave it"
        case "purge" if one.is_file:
            yield "purge, yet rules drop rows of a server's database only; move it or leave it"
        case "purge" if manifest.purge is None or moves != f"legacy.databases {manifest.purge.database}":
            yield "purge, yet the manifest has no rules for it under purge; write them, or move it"
        case "move" if manifest.purge and moves == f"legacy.databases {manifest.purge.database}":
            yield "move, yet the manifest has rules for it under purge; decide purge, or take them out"


def _moves(manifest: Manifest, one: FoundDatabase) -> str:
    """The part of the manifest that moves a database; empty when none does."""
    if one.is_file:
        return f"legacy.files {one.tree}" if one.tree in {tree.name for tree in manifest.legacy.files} else ""
    for database in manifest.legacy.databases:
        if (database.host, database.port, database.dbname) == (one.host, one.port, one.name):
            return f"legacy.databases {database.name}"
    return ""


def _read(case: Case) -> Form:
    return load_model(form_file(case), Form, next_step=f"fab run --tenant {case.manifest.tenant}")
