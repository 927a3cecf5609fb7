"""
Which rows a purge takes from a MariaDB database.

Rows that a rule drops are taken with all that refers to them, row by row, through every foreign key; but rows
of a table that has a rule of its own go by that alone. What a rule keeps is not taken; nor is what a kept
row refers to, nor what was only taken along with that.

Promise: as `migrate.purge.contract.Selection` says. Rows are noted by primary key in temporary tables of the
session, whose transaction reads what is committed. Held, every row is locked, and was chosen again
under the locks: nobody can make a row that refers to it any more, since that needs a lock on it too.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import date

from migrate.errors import Refused, TransferError
from migrate.mariadb.casts import is_zero_date
from migrate.mariadb.columns import Column, carried, printed
from migrate.mariadb.columns import Table as Described
from migrate.mariadb.session import MariaSession, literal, name
from migrate.purge.choosing import Choosing
from migrate.purge.contract import Lines
from migrate.purge.mariadb.catalogue import joins, listed, same
from migrate.purge.tables import ForeignKey, Table, Tables, shown
from provisioning.manifest_purge import Drop, Keep, Purge

_TURNS = 5
"""How often rows are chosen again, when others go on changing."""
_AT_ONCE = 1 << 16


class MariadbSelection(Choosing):
    """As `migrate.purge.contract.Selection`, within one transaction."""

    def __init__(self, session: MariaSession, tables: Tables, described: Mapping[str, Described]) -> None:
        self._session, self.tables = session, tables
        self._described = {table: described[table[1]] for table in tables.order}
        numbers = {table: number for number, table in enumerate(tables.order)}
        self._chosen = {table: name(f"bascule_purge_{number}") for table, number in numbers.items()}
        self._spared = {table: name(f"bascule_spared_{number}") for table, number in numbers.items()}
        self._held = {table: name(f"bascule_held_{number}") for table, number in numbers.items()}
        for table in tables.order:
            key = listed(self._key(table), "t")
            of_key = ", ".join(name(column) for column in self._key(table))
            for made, more, index in (
                (self._chosen[table], ", FALSE AS bascule_root, 0 AS bascule_n", ", KEY (bascule_n)"),
                (self._spared[table], "", ""),
                (self._held[table], "", ""),
            ):
                self._run(
                    f"CREATE TEMPORARY TABLE {made} (PRIMARY KEY ({of_key}){index})"
                    f" SELECT {key}{more} FROM {name(*table)} AS t LIMIT 0"
                )

    def choose(self, purge: Purge, as_of: date) -> None:
        """Choose rows by the rules of a purge, ages counted on `as_of`; forget those chosen before."""
        for chosen in self._chosen.values():
            self._run(f"DELETE FROM {chosen}")
        self._choose_by_rules(purge, as_of)
        for table, chosen in self._chosen.items():
            key = ", ".join(name(column) for column in self._key(table))
            self._run("SET @bascule_n = 0")
            self._run(f"UPDATE {chosen} SET bascule_n = (@bascule_n := @bascule_n + 1) ORDER BY {key}")

    def hold(self, purge: Purge, as_of: date) -> None:
        """
        Lock all rows that were chosen, and choose again, until none comes to them.

        Raises:
            Refused: Others come each time.
        """
        for _ in range(_TURNS):
            for table, chosen in self._chosen.items():
                key, held = self._key(table), self._held[table]
                of_chosen = f"FROM {chosen} AS k STRAIGHT_JOIN {name(*table)} AS t ON {same(key, 't', 'k')}"
                self._session.run(f"SELECT COUNT(*) {of_chosen} FOR UPDATE")
                self._run(f"INSERT IGNORE INTO {held} SELECT {listed(key, 'k')} FROM {chosen} AS k")
            self.choose(purge, as_of)
            if not any(self._is_free(table) for table in self.tables.order):
                return
        raise Refused(
            "rows that would go are changed all the time",
            state="Nothing was deleted.",
            next_step="wait for a quieter hour, then fab run",
        )

    def size(self, table: Table) -> tuple[int, int, int]:
        described = self._described[table]
        lengths = " + ".join(f"COALESCE(LENGTH({column.of('t').quoted}), 0)" for column in described.stored)
        (row,) = self._session.run(
            f"SELECT COUNT(*) AS n, COALESCE(SUM({lengths}), 0) AS bytes {self._of_chosen(table)}"
        )
        every = int(self._session.value(f"SELECT COUNT(*) FROM {name(*table)}"))
        return int(row["n"]), int(row["bytes"]), every - int(row["n"])

    @contextmanager
    def reading(self, table: Table, first: int, last: int) -> Iterator[Lines]:
        """Yield rows as a stream between two MariaDB servers has them."""
        fields = ", ".join(
            f"{carried(column.of('t'), '')[0]} AS f{number}"
            for number, column in enumerate(self._described[table].stored)
        )
        rows = self._session.stream(
            f"SELECT {fields} {self._of_chosen(table)}"
            f" WHERE k.bascule_n BETWEEN {first} AND {last} ORDER BY k.bascule_n"
        )
        with closing(rows):
            pieces = _pieces(rows, table)
            yield Lines(lambda: next(pieces, b""))

    def delete(self, table: Table) -> int:
        key = self._key(table)
        of_chosen = f"{name(*table)} AS t JOIN {self._chosen[table]} AS k ON {same(key, 't', 'k')}"
        own = [one for one in self.tables.foreign_keys if one.is_own and one.child == table]
        if not own:
            return self._run(f"DELETE t FROM {of_chosen}")
        # The server looks at foreign keys row by row: first those that no other row refers to.
        referring = "".join(
            f" LEFT JOIN {name(*table)} AS c{number}"
            f" ON {joins(one, f'c{number}', 't')} AND NOT ({same(key, f'c{number}', 't')})"
            for number, one in enumerate(own)
        )
        none = " AND ".join(f"c{number}.{name(key[0])} IS NULL" for number in range(len(own)))
        deleted = 0
        while some := self._run(f"DELETE t FROM {of_chosen}{referring} WHERE {none}"):
            deleted += some
        return deleted

    def _key(self, table: Table) -> tuple[str, ...]:
        return self._described[table].key

    def _of_chosen(self, table: Table) -> str:
        key = same(self._key(table), "t", "k")
        return f"FROM {self._chosen[table]} AS k STRAIGHT_JOIN {name(*table)} AS t ON {key}"

    def _is_free(self, table: Table) -> bool:
        """Whether a row was chosen that is not locked."""
        key = self._key(table)
        return bool(
            self._session.run(
                f"SELECT 1 FROM {self._chosen[table]} AS k LEFT JOIN {self._held[table]} AS h"
                f" ON {same(key, 'h', 'k')} WHERE h.{name(key[0])} IS NULL LIMIT 1"
            )
        )

    def _column(self, table: Table, called: str, alias: str) -> Column:
        """A column of a table that goes by an alias."""
        every = self._described[table].columns
        return next(column for column in every if column.name == called).of(alias)

    def _drop(self, rule: Drop, keep: tuple[Keep, ...], as_of: date) -> None:
        column = self._column(rule.table, rule.by, "t")
        old = [f"{column.quoted} < {_years_before(as_of, rule.years)}", f"NOT {is_zero_date(column)}"]
        for called, wanted in rule.where.items():
            # To the letter, whatever the column's collation takes for the same.
            text = f"CONCAT({printed(self._column(rule.table, called, 't'))}) COLLATE utf8mb4_bin"
            old.append(f"{text} = {literal(wanted)}")
        self._run(
            f"INSERT IGNORE INTO {self._chosen[rule.table]}"
            f" SELECT {listed(self._key(rule.table), 't')}, TRUE, 0 FROM {name(*rule.table)} AS t"
            f" WHERE {' AND '.join(old)} AND NOT {self._kept(rule.table, keep, as_of, 't')}"
        )

    def _take_along(self, key: ForeignKey, keep: tuple[Keep, ...], as_of: date) -> int:
        """Take what refers to rows that were taken."""
        return self._run(
            f"INSERT IGNORE INTO {self._chosen[key.child]}"
            f" SELECT DISTINCT {listed(self._key(key.child), 'c')}, FALSE, 0"
            f" FROM {self._chosen[key.parent]} AS k"
            f" JOIN {name(*key.parent)} AS p ON {same(self._key(key.parent), 'p', 'k')}"
            f" JOIN {name(*key.child)} AS c ON {joins(key)}"
            f" WHERE NOT {self._kept(key.child, keep, as_of, 'c')}"
        )

    def _spare(self, key: ForeignKey) -> int:
        """Spare what a row that stays refers to."""
        ours, theirs = self._key(key.child), self._key(key.parent)
        return self._take_out(
            key.parent,
            f"SELECT {listed(theirs, 'k')} FROM {self._chosen[key.parent]} AS k"
            f" JOIN {name(*key.parent)} AS p ON {same(theirs, 'p', 'k')}"
            f" JOIN {name(*key.child)} AS c ON {joins(key)}"
            f" LEFT JOIN {self._chosen[key.child]} AS x ON {same(ours, 'x', 'c')}"
            f" WHERE x.{name(ours[0])} IS NULL",
        )

    def _leave_with_parents(self) -> int:
        """Spare what was only taken along with rows that were spared since."""
        return sum(self._leave(table) for table in self._chosen)

    def _leave(self, table: Table) -> int:
        parents = [
            f"EXISTS (SELECT 1 FROM {name(*key.parent)} AS p JOIN {self._chosen[key.parent]} AS y"
            f" ON {same(self._key(key.parent), 'y', 'p')} WHERE {joins(key)})"
            for key in self.tables.foreign_keys
            if key.child == table
        ]
        if not parents:
            return 0
        ours = self._key(table)
        return self._take_out(
            table,
            f"SELECT {listed(ours, 'k')} FROM {self._chosen[table]} AS k"
            f" JOIN {name(*table)} AS c ON {same(ours, 'c', 'k')}"
            f" WHERE NOT k.bascule_root AND NOT ({' OR '.join(parents)})",
        )

    def _take_out(self, table: Table, which: str) -> int:
        """Take rows out of what was chosen. One statement may not read what it deletes from."""
        spared = self._spared[table]
        self._run(f"DELETE FROM {spared}")
        if not self._run(f"INSERT IGNORE INTO {spared} {which}"):
            return 0
        return self._run(
            f"DELETE k FROM {self._chosen[table]} AS k"
            f" JOIN {spared} AS s ON {same(self._key(table), 's', 'k')}"
        )

    def _kept(self, table: Table, keep: tuple[Keep, ...], as_of: date, alias: str) -> str:
        """Whether a rule keeps a row. A row without a date is kept: nobody can tell that it is old."""
        rules = []
        for rule in keep:
            if rule.table == table:
                column = self._column(table, rule.by, alias)
                by, since = column.quoted, _years_before(as_of, rule.years)
                rules.append(f"({by} IS NULL OR {is_zero_date(column)} OR {by} >= {since})")
        return f"({' OR '.join(rules)})" if rules else "FALSE"

    def _run(self, statement: str) -> int:
        return self._session.change(statement)


def _pieces(rows: Iterator[tuple[object, ...]], table: Table) -> Iterator[bytes]:
    """Lines of rows, many at once."""
    lines: list[str] = []
    size = 0
    for row in rows:
        # A value that is longer than a packet comes as a tab, which no other value has.
        if "\t" in row:
            raise TransferError(
                f"{shown(table)}: a value is longer than the server's max_allowed_packet",
                state="Nothing was deleted.",
                next_step="SET GLOBAL max_allowed_packet = 1073741824 there, then fab run",
            )
        lines.append("\t".join(map(str, row)) + "\n")
        size += len(lines[-1])
        if size > _AT_ONCE:
            yield "".join(lines).encode()
            lines, size = [], 0
    if lines:
        yield "".join(lines).encode()


def _years_before(as_of: date, years: int) -> str:
    return f"(DATE '{as_of.isoformat()}' - INTERVAL {years} YEAR)"
