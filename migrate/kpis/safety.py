"""
Whether a figure can do nothing but read.

Promise: what `faults_of` lets pass is one SELECT, parsed by PostgreSQL's grammar as sqlglot knows it, over
tables of the template, with functions of a short list, without lock and INTO.
"""

from collections.abc import Collection, Iterator

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from migrate.kpis.definition import Kpis

_WORDS = """
    abs and array_agg avg between bool_and bool_or case cast ceil coalesce concat count current_date
    current_timestamp date_trunc dense_rank exists extract filter first_value floor greatest group_concat if
    ilike in is lag last_value lead least left length like logical_and logical_or lower ltrim max median min
    mod not nullif or percent_rank percentile_cont percentile_disc rank right round row_number rtrim stddev
    stddev_samp string_agg substring sum time_to_str timestamp_trunc to_char trim upper variance
"""
FUNCTIONS = frozenset(_WORDS.split())
"""Names as sqlglot tells them; what is not here might write, wait, or read a file."""

_NEVER: dict[type[exp.Expr], str] = {
    exp.DML: "changes rows",
    exp.DDL: "defines something",
    exp.Command: "is a command",
    exp.Lock: "locks rows",
    exp.Into: "writes a table",
    exp.Placeholder: "has a parameter",
    exp.Parameter: "has a parameter",
    exp.Drop: "drops something",
    exp.Set: "sets something",
    exp.TableSample: "gives another figure each time",
}


def faults_of(kpis: Kpis, schemas: Collection[str]) -> Iterator[str]:
    """
    Yield why figures cannot be built, each with its name.

    Args:
        schemas: Of the template's tables; no others are read.
    """
    for kpi in kpis.kpis:
        try:
            statements = [one for one in sqlglot.parse(kpi.sql, read="postgres") if one is not None]
        except (SqlglotError, RecursionError) as error:
            yield f"{kpi.name}: cannot be read: {str(error).splitlines()[0]}"
            continue
        if len(statements) != 1:
            yield f"{kpi.name}: holds {len(statements)} statements; one SELECT is wanted"
            continue
        yield from (f"{kpi.name}: {says}" for says in _statement(statements[0], schemas))


def _statement(root: exp.Expr, schemas: Collection[str]) -> Iterator[str]:
    if not isinstance(root, exp.Query) or isinstance(root, exp.DML | exp.Table):
        yield f"begins with {root.key.upper()}; one SELECT is wanted"
        return
    for node in root.walk():
        for kind, why in _NEVER.items():
            # sqlglot counts a query among what it calls DML when it stands within one.
            if isinstance(node, kind) and not isinstance(node, exp.Query):
                yield f"{node.sql('postgres')[:60]!r} {why}"
    yield from _tables(root, schemas)
    yield from _functions(root)
    names = [projection.alias_or_name for projection in root.selects]
    if any(projection.is_star for projection in root.selects):
        yield "SELECT * takes whatever columns there are; name them"
    elif not all(isinstance(projection, exp.Alias | exp.Column) for projection in root.selects):
        yield "each column needs a name; add AS name"
    elif len(set(names)) < len(names):
        yield "two columns have the same name"


def _tables(root: exp.Expr, schemas: Collection[str]) -> Iterator[str]:
    named = {cte.alias for cte in root.find_all(exp.CTE)}
    tables = list(root.find_all(exp.Table))
    if not tables:
        yield "reads no table"
    for table in tables:
        if not isinstance(table.this, exp.Identifier):
            yield f"{table.sql('postgres')[:60]!r} is a function in the place of a table"
        elif table.catalog or (table.db not in schemas and (table.db or table.name not in named)):
            known = ", ".join(sorted(schemas))
            yield f"{table.sql('postgres')} is no table of the template; write schema.table, of {known}"


def _functions(root: exp.Expr) -> Iterator[str]:
    for function in root.find_all(exp.Func):
        if isinstance(function, exp.Anonymous):
            names, shown = {function.name.lower()}, function.name
        else:
            names = {name.lower() for name in type(function).sql_names()} | {function.key}
            shown = function.sql_name()
        if not names & FUNCTIONS:
            yield f"function {shown.lower()} is not among those that only calculate"
    for dotted in root.find_all(exp.Dot):
        if dotted.find(exp.Func):
            yield f"{dotted.sql('postgres')[:60]!r} names a function with its schema; leave the schema out"
