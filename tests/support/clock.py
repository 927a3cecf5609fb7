"""
Moments that tests use, so that none depends on the day it runs.

Promise: never read from a clock.
"""

from datetime import UTC, datetime

SUMMER_NOON = datetime(2027, 7, 1, 12, 0, tzinfo=UTC)
