"""
Live transfer between two MariaDB servers: a base copy at one position, then GTID replication.

    way.py      the way as the rest of Bascule sees it
    checks.py   what either server must be like, each fault with its remedy
    base.py     the base copy: objects, and rows as one exact stream
    catalog.py  one side's objects: made, removed, put to sleep and woken
    flow.py     how far changes have flowed
    switch.py   drain, settle, turn, and all that undoes or ends it

Promise: meets `migrate.transfer.contract.Live`. The way back is the same flow with its ends exchanged,
begun at the exact position of the switch; each server passes over what it wrote itself, so nothing
goes round in circles. Tables that know no transactions are left out of the flow and copied whole in the
freeze; their size is part of the stop.

Source: the sequence that stopped a MariaDB for 50 ms; an exact stream in place of mariadb-dump, which
prints six digits of a FLOAT.
"""

from migrate.transfer.mariadb_live.way import MariadbLive

__all__ = ["MariadbLive"]
