"""
A PostgreSQL cluster on a host.

Promise: reached over TLS with scram passwords, or over the local socket as its superuser by the
host's account; what `SHOW` says of every setting named here is compared with what was declared.
"""

from functools import partial

from pydantic import Field

from provisioning.errors import SiteError
from provisioning.local import ports, postgres
from provisioning.local.kinds.hosted import Hosted, HostedInputs, not_answering, put_whole
from provisioning.local.operator import operator
from provisioning.local.place import File, Files, Place, eventually
from provisioning.local.plugin.glue import State
from provisioning.local.supervisor import Service, Supervisor

DATA = "pg"
SERVICE = "postgresql"

_HBA = """\
# Written by Bascule; `pulumi up --refresh` puts changes back.
local   all          postgres                peer map=host
hostssl all          all        127.0.0.0/8  scram-sha-256
hostssl replication  all        127.0.0.0/8  scram-sha-256
"""


_BY_HAND = """
SELECT DISTINCT name FROM pg_file_settings WHERE sourcefile LIKE '%/postgresql.auto.conf' ORDER BY 1
"""
"""What somebody set by ALTER SYSTEM, past the configuration file; also what is not named here."""


class ClusterInputs(HostedInputs):
    address: str
    port: int = ports.POSTGRESQL
    certificate: str
    private_key: str
    memory_mb: int = Field(ge=32)
    connections: int = Field(ge=10)
    settings: dict[str, str] = Field(default_factory=dict)
    """More of them, as `SHOW` would print them."""


class ClusterKind(Hosted[ClusterInputs]):
    token = "bascule:local:DatabaseCluster"  # noqa: S105
    secret = frozenset({"private_key"})
    replaced_by = frozenset({"host"})

    def settings(self, inputs: ClusterInputs) -> dict[str, str]:
        """Return the settings that are compared with the running server's, as `SHOW` prints them."""
        memory = inputs.memory_mb
        return {
            "checkpoint_timeout": "15min",
            "effective_cache_size": _memory(memory * 3 // 4),
            "listen_addresses": inputs.address,
            "log_timezone": "UTC",
            "maintenance_work_mem": _memory(max(16, memory // 4)),
            "max_connections": str(inputs.connections),
            "max_replication_slots": "10",
            # A forgotten slot must not fill the disk.
            "max_slot_wal_keep_size": "2GB",
            "max_wal_senders": "10",
            "password_encryption": "scram-sha-256",
            "port": str(inputs.port),
            "shared_buffers": _memory(max(16, memory // 4)),
            "ssl": "on",
            "ssl_min_protocol_version": "TLSv1.2",
            "TimeZone": "UTC",
            "wal_level": "logical",
            **inputs.settings,
        }

    def facts(self, inputs: ClusterInputs) -> State:
        return {
            **super().facts(inputs),
            "running_settings": self.settings(inputs),
            "settings_by_hand": [],
        }

    def files(self, inputs: ClusterInputs) -> Files:
        folder = inputs.place.folder
        places = {
            "data_directory": f"{folder}/{DATA}",
            "hba_file": f"{folder}/etc/postgresql/pg_hba.conf",
            "ident_file": f"{folder}/etc/postgresql/pg_ident.conf",
            "external_pid_file": f"{folder}/run/postgresql.pid",
            "unix_socket_directories": f"{folder}/run",
            "unix_socket_permissions": "0700",
            "ssl_cert_file": f"{folder}/etc/postgresql/server.crt",
            "ssl_key_file": f"{folder}/etc/postgresql/server.key",
            "log_line_prefix": "%m [%p] %q%u@%d ",
        }
        lines = [f"{name} = '{value}'" for name, value in {**places, **self.settings(inputs)}.items()]
        idents = "".join(f"host {name} {postgres.SUPERUSER}\n" for name in sorted({operator().name, "root"}))
        return {
            "etc/postgresql/postgresql.conf": File(
                "# Written by Bascule; `pulumi up --refresh` puts changes back.\n" + "\n".join(lines) + "\n"
            ),
            "etc/postgresql/pg_hba.conf": File(_HBA),
            "etc/postgresql/pg_ident.conf": File(idents),
            "etc/postgresql/server.crt": File(inputs.certificate),
            "etc/postgresql/server.key": File(inputs.private_key),
        }

    def service(self, inputs: ClusterInputs) -> Service:
        return Service(
            name=SERVICE,
            command=(
                str(postgres.programs() / "postgres"),
                f"--config-file={inputs.place.path('etc/postgresql/postgresql.conf')}",
            ),
            ready=(f"tcp:{inputs.address}:{inputs.port}", f"unix:run/.s.PGSQL.{inputs.port}"),
            stop_signal="INT",  # fast: sessions end, nothing is lost
        )

    def create(self, inputs: ClusterInputs) -> tuple[str, State]:
        place = inputs.place
        if not place.path(f"{DATA}/PG_VERSION").exists():
            Supervisor(place).remove(SERVICE)  # one whose data were removed under it may still answer
            put_whole(place, DATA, partial(_initialise, place))
        return inputs.place.folder.name, self.update(inputs, {})

    def read(self, inputs: ClusterInputs, state: State) -> State | None:
        if not inputs.place.path(f"{DATA}/PG_VERSION").exists():
            return None
        seen = self.observe(inputs)
        try:
            with postgres.session(inputs.place, inputs.port) as session:
                names = list(self.settings(inputs))
                columns = ", ".join(f"current_setting('{name}')" for name in names)
                row = session.execute(f"SELECT {columns}".encode()).fetchone() or ()
                seen["running_settings"] = dict(zip(names, row, strict=True))
                seen["settings_by_hand"] = [name for (name,) in session.execute(_BY_HAND).fetchall()]
        except postgres.NotAnswering:
            seen["services"] = {SERVICE: not_answering(seen["services"].get(SERVICE))}
        return seen

    def update(self, inputs: ClusterInputs, state: State) -> State:
        self.settle(inputs)

        def identifier() -> str:
            try:
                with postgres.session(inputs.place, inputs.port) as session:
                    # What somebody set past the configuration file goes.
                    session.execute("ALTER SYSTEM RESET ALL")
                    session.execute("SELECT pg_reload_conf()")
                    row = session.execute(
                        "SELECT system_identifier::text FROM pg_control_system()"
                    ).fetchone()
                    return str(row[0]) if row else ""
            except postgres.NotAnswering:
                return ""

        found = eventually(identifier, 10)
        if not found:
            raise SiteError(
                f"the database of {inputs.place.folder.name} takes no session",
                next_step=f"see {inputs.place.path(f'log/{SERVICE}.log')}",
            )
        if not self._is_as_set(inputs):
            self.settle(inputs, restart=True)  # settings that only a start takes up
            eventually(lambda: self._is_as_set(inputs), 10)
        return {"server": found}

    def _is_as_set(self, inputs: ClusterInputs) -> bool:
        seen = self.read(inputs, {})
        return seen is not None and seen.get("running_settings") == self.settings(inputs)

    def delete(self, inputs: ClusterInputs, state: State) -> None:
        self.clear(inputs)
        inputs.place.remove(DATA)


def _initialise(place: Place, folder: str) -> None:
    place.run(
        *(postgres.programs() / "initdb", "--pgdata", place.path(folder), "--username", postgres.SUPERUSER),
        *("--auth", "peer", "--encoding", "UTF8", "--locale", "C.UTF-8", "--data-checksums", "--no-sync"),
    )


def _memory(megabytes: int) -> str:
    """As `SHOW` prints it."""
    return f"{megabytes // 1024}GB" if megabytes % 1024 == 0 else f"{megabytes}MB"
