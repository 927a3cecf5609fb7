"""
Which comparison by content fits which two engines.

Promise: whoever asks for a verdict knows nothing of engines. Another pair of them is one function in
`COMPARERS`, and where one follows the other live, one class in `BESIDE`.
"""

from pathlib import Path
from typing import Any, Protocol

from migrate.compare import mariadb, mariadb_postgresql, run
from migrate.compare.beside import PostgresqlBeside
from migrate.compare.mariadb_beside import MariadbBeside
from migrate.compare.pacing import Care
from migrate.compare.run import Told
from migrate.compare.verdict import BaseComparison, DatabaseComparison, Difference
from migrate.errors import ComparisonError


class Comparer(Protocol):
    """Compare two whole databases, each at one moment; every engine has a type of its own for one."""

    def __call__(
        self,
        name: str,
        source: Any,
        target: Any,
        /,
        *,
        target_role: str | None = None,
        told: Told | None = None,
    ) -> DatabaseComparison:
        """
        Args:
            name: What the result is called, the database's name in the manifest.
            target_role: Read the target as this role, where the engine knows roles.
            told: Progress.

        Raises:
            ComparisonError: The source holds no table, so agreement would prove nothing.
        """
        ...


def _mariadb(
    name: str, source: Any, target: Any, /, *, target_role: str | None = None, told: Told | None = None
) -> DatabaseComparison:
    return mariadb.compare(name, source, target, told=told)  # it reads as the login it was given


COMPARERS: dict[tuple[str, str], Comparer] = {
    ("postgresql", "postgresql"): run.compare,
    ("mariadb", "mariadb"): _mariadb,
    ("mariadb", "postgresql"): mariadb_postgresql.compare,
}
"""By the engines of source and target."""


class Beside(Protocol):
    """
    Compare two databases while both are at work, so that in the freeze only what changed since is read.

    Everything takes a move either way round. `store` is a file of its own, for what was seen equal.
    """

    def compare(
        self,
        name: str,
        source: Any,
        target: Any,
        *,
        tenant: str,
        store: Path,
        told: Told | None = None,
        care: Care | None = None,
    ) -> BaseComparison:
        """
        Compare every row; called again, go on, and compare what changed since.

        Args:
            care: What it yields to between its pieces.

        Raises:
            ComparisonError: A side does not tell what changes, or cannot be compared.
        """
        ...

    def differing_definitions(self, source: Any, target: Any) -> list[Difference]:
        """Return everything in which the two are made otherwise, as both are now."""
        ...

    def differing_rights(self, source: Any, target: Any, *, owner: str, application: str) -> list[Difference]:
        """Return everything in which owners and grants on the target are not as the site's rule has them."""
        ...

    def verdict(
        self,
        name: str,
        source: Any,
        target: Any,
        *,
        store: Path,
        source_position: str,
        target_position: str,
        is_return: bool = False,
    ) -> DatabaseComparison:
        """
        Compare what is open, between two fenced sides; the verdict is about every row at these positions.

        Args:
            is_return: The move goes back, so what it fills anew is filled on the source.

        Raises:
            ComparisonError: There was no comparison before, it is not complete, or a stream was lost since.
        """
        ...

    def let_writes_be(self, store: Path) -> None:
        """From now on what was written on the target until the last `compare` is no trespass."""
        ...

    def retained(self, tenant: str, name: str, source: Any, target: Any) -> tuple[int, int]:
        """Bytes of log that either server keeps for this comparison."""
        ...

    def end(self, tenant: str, name: str, source: Any, target: Any) -> None:
        """Remove on both sides what it put there; may be repeated."""
        ...


BESIDE: dict[tuple[str, str], Beside] = {
    ("postgresql", "postgresql"): PostgresqlBeside(),
    ("mariadb", "mariadb"): MariadbBeside(),
}
"""By the engines of source and target."""


def beside(source: str, target: str) -> Beside:
    """
    Return what compares databases of these two engines beside running work.

    Raises:
        ComparisonError: There is nothing that does.
    """
    try:
        return BESIDE[source, target]
    except KeyError:
        raise ComparisonError(
            f"nothing compares {source} with {target} while both are at work",
            state="Nothing was changed.",
            next_step="set mode: bulk in the manifest",
        ) from None


def comparer(source: str, target: str) -> Comparer:
    """
    Return what compares databases of these two engines.

    Raises:
        ComparisonError: There is nothing that does.
    """
    try:
        return COMPARERS[source, target]
    except KeyError:
        known = ", ".join(f"{one} with {other}" for one, other in sorted(COMPARERS))
        raise ComparisonError(
            f"nothing compares {source} with {target}, only {known}",
            next_step="correct legacy.databases in the manifest",
        ) from None
