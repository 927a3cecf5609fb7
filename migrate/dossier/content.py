"""
The dossier's sections on what was moved: rows compared table by table, files compared tree by tree.

Promise: what is shown is the verdict as it was kept, with nothing left out of its tables.
"""

from migrate.case import Case
from migrate.compare.verdict import Comparison, DatabaseComparison, TableResult
from migrate.dossier.parts import Cell, Figure, Section, Table, columns, evidence, number, shown_bytes
from migrate.dossier.timeline import shown_seconds


def figures(case: Case) -> list[Figure]:
    """Return how many rows were compared, and how many differ."""
    found = evidence(case, "comparison", Comparison)
    if found is None:
        return [Figure("Rows differing", "not yet")]
    others = sum(len(database.differences) for database in found.databases) + found.differing_files
    note = f"of {number(found.rows).text} compared by content"
    if others:
        note += f"; {others} other differences"
    return [Figure("Rows differing", str(found.differing_rows), note, "good" if found.agrees else "bad")]


def _how(found: Comparison) -> str:
    inside = [one.compared_in_freeze for one in found.databases if one.compared_in_freeze is not None]
    if not inside:
        return "Every row of every table was digested on both sides, after legacy had become read-only."
    return (
        "Every row of every table was digested on both sides while legacy was at work; what changed since was"
        f" read again once it was read-only ({number(sum(inside)).text} rows), so the verdict is about every"
        " row at the positions below."
    )


def comparison(case: Case) -> Section | None:
    """Every table on both sides, and every difference in what is no row."""
    found = evidence(case, "comparison", Comparison)
    if found is None:
        return None
    tables = [table for database in found.databases for table in (_tables(database), _differences(database))]
    tables.append(_trees(found))
    facts = [("Verdict", Cell(found.summary, "good" if found.agrees else "bad"))]
    for database in found.databases:
        others = (
            f"{database.definitions} definitions, {database.sequences} sequences, "
            f"{database.large_objects} large objects, in {shown_seconds(database.seconds)}"
        )
        facts.append((database.name, Cell(others)))
        where = f"source {database.source_position}, target {database.target_position}"
        facts.append(("Read at", Cell(where, "digest")))
    return Section(
        "comparison",
        "Whether everything arrived",
        lead=f"{_how(found)} Definitions, sequence values, large objects and files were compared as well.",
        facts=tuple(facts),
        tables=tuple(tables),
    )


def _tables(database: DatabaseComparison) -> Table:
    # What differs is what a reader looks for.
    rows = sorted(database.tables, key=lambda table: (table.agrees, table.name))
    heads = columns("Table", "#Rows, source", "#Rows, target", "Verdict", "Rows that differ")
    title = f"{database.name}: {len(rows)} tables"
    return Table(
        title, heads, tuple(_row(table) for table in rows), folded=database.agrees and len(rows) > 15
    )


def _row(table: TableResult) -> tuple[Cell, ...]:
    def count(rows: int | None) -> Cell:
        return Cell("no such table", "bad") if rows is None else number(rows)

    named = ", ".join(f"{row.kind} {row.key}" for row in table.differing)
    verdict = Cell("agrees", "good") if table.agrees else Cell("differs", "bad")
    return (
        Cell(table.name),
        count(table.source_rows),
        count(table.target_rows),
        verdict,
        Cell(named, "digest"),
    )


def _trees(found: Comparison) -> Table:
    rows = [
        (
            Cell(tree.name),
            number(tree.files),
            Cell(shown_bytes(tree.bytes), "n"),
            Cell("agrees", "good") if tree.agrees else Cell(f"{tree.differing} differ", "bad"),
            Cell(", ".join(f"{one.path} ({one.kind})" for one in tree.shown), "digest"),
        )
        for tree in found.trees
    ]
    return Table(
        "Trees of files", columns("Tree", "#Files", "#Size", "Verdict", "Files that differ"), tuple(rows)
    )


def _differences(database: DatabaseComparison) -> Table:
    rows = [
        (
            Cell(difference.kind),
            Cell(difference.name),
            Cell(difference.source or "nothing", "digest"),
            Cell(difference.target or "nothing", "digest"),
        )
        for difference in database.differences
    ] + [(Cell("not compared", "warn"), Cell(named), Cell(""), Cell("")) for named in database.not_compared]
    return Table(
        f"{database.name}: what else differs", columns("Kind", "Name", "Source", "Target"), tuple(rows)
    )
