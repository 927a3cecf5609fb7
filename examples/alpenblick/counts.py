"""
How many rows and files a scale means.

Promise: scale 1 is a database of about 50 MB, scale 20 about 1 GB; no table is empty at the smallest.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Counts:
    """Rows of the larger tables at one scale; scale 1 is a database of about 50 MB."""

    scale: float

    def _scaled(self, at_one: int, least: int) -> int:
        return max(least, round(at_one * self.scale))

    @property
    def residents(self) -> int:
        return self._scaled(400, 24)

    @property
    def living(self) -> int:
        """Residents still in the house: the highest numbers; each has a bed."""
        return self.residents // 3

    @property
    def staff(self) -> int:
        return self._scaled(120, 30)

    @property
    def assessments(self) -> int:
        return self._scaled(2400, 120)

    @property
    def notes(self) -> int:
        return self._scaled(14000, 400)

    @property
    def prescriptions(self) -> int:
        return self._scaled(2400, 100)

    @property
    def doses(self) -> int:
        return self._scaled(70000, 3000)

    @property
    def measurements(self) -> int:
        return self._scaled(30000, 2000)

    @property
    def wounds(self) -> int:
        return self._scaled(60, 6)

    @property
    def attachments(self) -> int:
        return self._scaled(80, 8)

    @property
    def invoices(self) -> int:
        return self._scaled(3000, 60)

    @property
    def events(self) -> int:
        return self._scaled(5000, 100)

    @property
    def readings(self) -> int:
        return self._scaled(20000, 500)
