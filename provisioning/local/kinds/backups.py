"""
The scheduled backups of a site's database.

Promise: one is made at once and then every night; each was read back before it counts, and a newest
backup older than 26 hours is drift, which an update mends by making one.
"""

import time
from datetime import UTC, datetime
from pathlib import Path

from pydantic import Field

from provisioning.errors import SiteError
from provisioning.local import ports
from provisioning.local.kinds.host import script
from provisioning.local.kinds.hosted import Hosted, HostedInputs
from provisioning.local.operator import operator
from provisioning.local.place import Files, Place
from provisioning.local.plugin.glue import State
from provisioning.local.supervisor import Service
from provisioning.manifest import Engine

COMMAND, DUMP_MARIADB = "bin/backup", "bin/dump-mariadb"
ENDINGS: dict[Engine, str] = {"postgresql": "dump", "mariadb": "sql.gz"}
"""Of a backup's file, by engine."""
_OVERDUE_HOURS = 26


class BackupsInputs(HostedInputs):
    database: str
    server: str
    """Output `server` of the cluster."""
    engine: Engine = "postgresql"
    port: int = ports.POSTGRESQL
    at: str = Field(default="02:30", pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")
    """Every night, UTC."""
    keep: int = Field(default=14, ge=1)


class BackupsKind(Hosted[BackupsInputs]):
    token = "bascule:local:BackupSchedule"  # noqa: S105

    def files(self, inputs: BackupsInputs) -> Files:
        files = {COMMAND: script("backup", inputs.place.folder)}
        if inputs.engine == "mariadb":
            files[DUMP_MARIADB] = script("dump-mariadb", inputs.place.folder)
        return files

    def service(self, inputs: BackupsInputs) -> Service:
        return Service(
            name="backups",
            command=(str(inputs.place.path(COMMAND)), "nightly", inputs.at),
            environment={
                "PGDATABASE": inputs.database,
                "PGPORT": str(inputs.port),
                "KEEP": str(inputs.keep),
                **({"ENGINE": inputs.engine} if inputs.engine != "postgresql" else {}),
            },
        )

    def facts(self, inputs: BackupsInputs) -> State:
        return {**super().facts(inputs), "overdue": False}

    def create(self, inputs: BackupsInputs) -> tuple[str, State]:
        return inputs.database, self.update(inputs, {"overdue": True})

    def read(self, inputs: BackupsInputs, state: State) -> State | None:
        if not inputs.place.exists:
            return None
        pattern = f"{inputs.database}-*.{ENDINGS[inputs.engine]}"
        made = [dump.stat().st_mtime for dump in inputs.place.path("backups").glob(pattern)]
        overdue = time.time() - max(made, default=0) > _OVERDUE_HOURS * 3600
        return {**self.observe(inputs), "overdue": overdue}

    def update(self, inputs: BackupsInputs, state: State) -> State:
        self.settle(inputs)
        if state.get("overdue"):
            environment = self.service(inputs).environment
            inputs.place.run(inputs.place.path(COMMAND), "now", environment=environment)
        return {"command": COMMAND}

    def delete(self, inputs: BackupsInputs, state: State) -> None:
        self.clear(inputs)


def final_backup(place: Place, engine: Engine) -> Path:
    """Return where the dump of a database goes that is about to be deleted: no destroy reaches it there."""
    folder = operator().home / "final-backups"
    place.run("mkdir", "-p", folder)
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    return folder / f"{place.folder.name}-{moment}.{ENDINGS[engine]}"


def no_final_backup(place: Place, error: Exception) -> SiteError:
    """The error that keeps a database which does not answer from being deleted without a backup."""
    stack = place.folder.name
    return SiteError(
        f"{stack}: no final backup, since its database does not answer: {error}",
        state="The database was not deleted.",
        next_step=f"pulumi up --refresh -s {stack}, then destroy again",
    )
