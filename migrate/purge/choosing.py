"""
The order in which rows are chosen, whatever the engine that keeps them.

Promise: what the rules drop goes first; then all that refers to it, until nothing is added; then what has to
stay is spared, until nothing is taken out any more.
"""

from abc import ABC, abstractmethod
from datetime import date

from migrate.purge.tables import ForeignKey, Tables
from provisioning.manifest_purge import Drop, Keep, Purge


class Choosing(ABC):
    """An engine's rows that go, and what it does to them one rule or one foreign key at a time."""

    tables: Tables

    def _choose_by_rules(self, purge: Purge, as_of: date) -> None:
        for rule in purge.drop:
            self._drop(rule, purge.keep, as_of)
        own = {rule.table for rule in purge.drop}
        along = [key for key in self.tables.foreign_keys if key.child not in own]
        while sum(self._take_along(key, purge.keep, as_of) for key in along):
            pass
        while sum(self._spare(key) for key in self.tables.foreign_keys) + self._leave_with_parents():
            pass

    @abstractmethod
    def _drop(self, rule: Drop, keep: tuple[Keep, ...], as_of: date) -> None:
        """Take what a rule drops."""

    @abstractmethod
    def _take_along(self, key: ForeignKey, keep: tuple[Keep, ...], as_of: date) -> int:
        """Take what refers to rows that were taken; return how many came to them."""

    @abstractmethod
    def _spare(self, key: ForeignKey) -> int:
        """Spare what a row that stays refers to; return how many were."""

    @abstractmethod
    def _leave_with_parents(self) -> int:
        """Spare what was only taken along with rows that were spared since; return how many were."""
