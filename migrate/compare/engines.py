"""
Which comparison by content fits which two engines.

Promise: whoever asks for a verdict knows nothing of engines; another pair of them is one function and one
line here.
"""

from typing import Any, Protocol

from migrate.compare import mariadb, mariadb_postgresql, run
from migrate.compare.run import Told
from migrate.compare.verdict import DatabaseComparison
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
