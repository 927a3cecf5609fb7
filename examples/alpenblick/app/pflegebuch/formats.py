"""
How values are written for people in German-speaking Switzerland.

Promise: no value of the database breaks a page: nothing, NaN and infinities have a sign of their own.
"""

import math
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Zurich")
NOTHING = "–"


def day(value: date | None) -> str:
    """31.12.2026"""
    return value.strftime("%d.%m.%Y") if value else NOTHING


def moment(value: datetime | None) -> str:
    """31.12.2026, 17:05; moments with a zone are shown in the home's."""
    if value is None:
        return NOTHING
    local = value.astimezone(ZONE) if value.tzinfo else value
    return local.strftime("%d.%m.%Y, %H:%M")


def clock(value: datetime | None) -> str:
    """17:05:09.123, for what comes several times a second."""
    return value.astimezone(ZONE).strftime("%H:%M:%S.%f")[:-3] if value else NOTHING


def number(value: float | Decimal | None, digits: int = 0) -> str:
    """12’345.6"""
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{value:,.{digits}f}".replace(",", "’")


def size(value: int | None) -> str:
    """Bytes, in the unit that reads best."""
    if value is None:
        return NOTHING
    amount = float(value)
    for unit in ("Byte", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"


FILTERS: Mapping[str, Callable[..., Any]] = {
    "day": day,
    "moment": moment,
    "clock": clock,
    "number": number,
    "size": size,
}
