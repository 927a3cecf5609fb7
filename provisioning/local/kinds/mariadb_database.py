"""
A database in a host's MariaDB.

Promise: it is there, with its character set; who may do what in it stands with the accounts. With
`final_backup`, deleting it first leaves a dump outside the host's folder that was read back to its end;
when that fails, the database stays.
"""

from provisioning.local import mariadb
from provisioning.local.kinds.backups import DUMP_MARIADB, final_backup, no_final_backup
from provisioning.local.kinds.host import script
from provisioning.local.kinds.hosted import HostedInputs
from provisioning.local.plugin.glue import Kind, State
from provisioning.local.supervisor import Supervisor

_CHARACTER_SET = "utf8mb4"
_SEEN = "SELECT DEFAULT_CHARACTER_SET_NAME FROM information_schema.SCHEMATA WHERE BINARY SCHEMA_NAME = %s"


class MariadbDatabaseInputs(HostedInputs):
    server: str
    """Output `server` of the server: with another one, the database has to be made there."""
    name: str
    final_backup: bool = False


class MariadbDatabaseKind(Kind[MariadbDatabaseInputs]):
    token = "bascule:local:MariadbDatabase"  # noqa: S105
    replaced_by = frozenset({"host", "name"})

    def facts(self, inputs: MariadbDatabaseInputs) -> State:
        return {"character_set": _CHARACTER_SET}

    def create(self, inputs: MariadbDatabaseInputs) -> tuple[str, State]:
        return inputs.name, self.update(inputs, {})

    def read(self, inputs: MariadbDatabaseInputs, state: State) -> State | None:
        if not inputs.place.exists:
            return None
        try:
            with mariadb.session(inputs.place) as session:
                found = session.run(_SEEN, inputs.name)
        except mariadb.NotAnswering:
            return {}
        return {"character_set": found[0][0]} if found else None

    def update(self, inputs: MariadbDatabaseInputs, state: State) -> State:
        name = mariadb.quoted(inputs.name)
        with mariadb.session(inputs.place) as session:
            session.run(f"CREATE DATABASE IF NOT EXISTS {name} CHARACTER SET {_CHARACTER_SET}")
            if session.run(_SEEN, inputs.name) != [(_CHARACTER_SET,)]:
                session.run(f"ALTER DATABASE {name} CHARACTER SET {_CHARACTER_SET}")
        return {}

    def delete(self, inputs: MariadbDatabaseInputs, state: State) -> str | None:
        try:
            with mariadb.session(inputs.place) as session:
                is_there = bool(session.run(_SEEN, inputs.name))
        except mariadb.NotAnswering as error:
            if inputs.final_backup and inputs.place.exists and Supervisor(inputs.place).is_up:
                raise no_final_backup(inputs.place, error) from error
            return None  # its server is gone, or about to go
        if not is_there:
            return None
        told = self._back_up(inputs) if inputs.final_backup else None
        with mariadb.session(inputs.place) as session:
            session.run(f"DROP DATABASE IF EXISTS {mariadb.quoted(inputs.name)}")
        return told

    def _back_up(self, inputs: MariadbDatabaseInputs) -> str:
        """Dump the database to where no destroy reaches, and say where it is."""
        place, dump = inputs.place, final_backup(inputs.place, "mariadb")
        # The schedule's own copy may be gone already.
        place.write({DUMP_MARIADB: script("dump-mariadb", place.folder)})
        place.run(place.path(DUMP_MARIADB), inputs.name, dump)
        return f"final backup of {inputs.name}: {dump}"
