"""
Staged transfer of MariaDB: rows of one snapshot in an archive, then GTID replication from where they end.

    dumper.py     the dump beside the source, and what the source keeps of its log since
    restoring.py  rows out of what arrived into the target, and the way as the rest of Bascule sees it

Promise: what is carried is the very stream that a live move sends from server to server, so every value is
exact; changes begin exactly where the dump ended, or nothing flows. From then on it is a live move.
"""

from migrate.transfer.mariadb_staged.restoring import MariadbStagedLive

__all__ = ["MariadbStagedLive"]
