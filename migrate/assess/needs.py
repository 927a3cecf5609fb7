"""
What a live move asks of the legacy server: slots, senders, and room for the log that it keeps.

Promise: reckoned from measured facts alone, and rather too much than too little.
"""

from migrate.assess.facts import Database

SLOTS_NEEDED = 2
"""One for the flow of changes, one for the keys that changed, which the comparison follows."""
SENDERS_NEEDED = 2
SLOWEST_COPY_BYTES_PER_SECOND = 10 * 1024 * 1024
"""The copy over a thin line, or one that is held back for legacy's sake."""
LOG_FLOOR_BYTES = 256 * 1024 * 1024
HISTORY_SECONDS = 1800
"""A shorter history tells of one moment, not of a rate."""


def log_while_copying(database: Database) -> int:
    """Return how many bytes of log the server may have to keep while the base copy runs slowly."""
    rates = [database.writes.wal_bytes_per_second]
    history = database.wal_history
    if history is not None and history.seconds >= HISTORY_SECONDS:
        rates.append(history.bytes_per_second)
    seconds = database.content_bytes / SLOWEST_COPY_BYTES_PER_SECOND
    burst = history.burst_bytes if history else 0
    return int(max(rates) * seconds) + burst + LOG_FLOOR_BYTES
