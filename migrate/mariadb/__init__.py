"""
MariaDB: sessions, definitions and streams of rows, for whatever moves or compares its databases.

    session.py      where a database is, how it is reached, and sessions with pinned settings
    columns.py      each column's value as one text, the same on whichever server it lies
    definitions.py  what a database is made of, as the statements that make it
    replication.py  flows between two servers: their accounts, positions and filters
    stream.py       all rows of one snapshot as text, from one server straight into another

Promise: `migrate.transfer`, `migrate.compare` and `migrate.fence` have a module each that uses this
one; nobody else knows that there is a MariaDB.
"""
