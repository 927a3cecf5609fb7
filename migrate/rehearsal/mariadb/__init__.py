"""
The rehearsal of MariaDB: a server of its own stands in for legacy, beside the test site's.

    stage.py     the stage, as the rest of the rehearsal sees it
    stand_in.py  the temporary server: started, kept alive, ended
    loading.py   legacy's database into it, over the network or out of an archive

MariaDB's replication knows no other name for a database and follows no server from itself, so a copy beside
the site's database, as PostgreSQL's rehearsal has it, could not flow.

Promise: meets `migrate.rehearsal.contract.Rehearsing`. Legacy is only read, once.
"""

from migrate.rehearsal.mariadb.stage import MariadbRehearsing

__all__ = ["MariadbRehearsing"]
