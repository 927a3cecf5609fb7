"""
A MariaDB server on a host.

Promise: reached over TLS with passwords, or over the local socket as its administrator by the host's account;
what the running server says of every setting named here is compared with what was declared. A setting that
it takes up while it runs is set so; it is restarted for the others only.
"""

import secrets
from contextlib import suppress
from functools import partial
from ipaddress import ip_address
from pathlib import Path

import pymysql
from pydantic import Field

from provisioning.errors import SiteError
from provisioning.local import mariadb, ports
from provisioning.local.kinds.hosted import Hosted, HostedInputs, not_answering, put_whole
from provisioning.local.operator import operator
from provisioning.local.place import File, Files, Place, eventually
from provisioning.local.plugin.glue import State
from provisioning.local.supervisor import Service, Supervisor

DATA, SCRATCH = "mariadb", "mariadb-tmp"
SERVICE = "mariadb"
_CONFIGURATION = "etc/mariadb/my.cnf"
_INSTALLED = f"{DATA}/mysql/db.frm"
_OWN_NAME = f"{DATA}/bascule-server"
"""Holds a name that tells this server's data from any that may follow them in the same place."""
_LOG_KEPT_SECONDS = 14 * 24 * 3600
"""What flows back to legacy is read at once; so long may it be out of reach."""
_LONGEST_PACKET_BYTES = 1 << 30


class MariadbServerInputs(HostedInputs):
    address: str
    port: int = ports.MARIADB
    certificate: str
    private_key: str
    memory_mb: int = Field(ge=32)
    connections: int = Field(ge=10)
    takes_files: bool = False
    """Whether clients may load files of theirs, as a move does."""


class MariadbServerKind(Hosted[MariadbServerInputs]):
    token = "bascule:local:MariadbServer"  # noqa: S105
    secret = frozenset({"private_key"})
    replaced_by = frozenset({"host"})

    def settings(self, inputs: MariadbServerInputs) -> dict[str, str]:
        """Return the settings that are compared with the running server's, as SHOW VARIABLES prints them."""
        own_number = str(int(ip_address(inputs.address)))
        return {
            "bind_address": inputs.address,
            "binlog_expire_logs_seconds": str(_LOG_KEPT_SECONDS),
            "binlog_format": "ROW",
            "binlog_row_image": "FULL",
            "character_set_server": "utf8mb4",
            "event_scheduler": "ON",
            # Its own transactions are told from those of any server that it follows, or that follows it.
            "gtid_domain_id": own_number,
            "innodb_buffer_pool_size": str(max(16, inputs.memory_mb // 2) << 20),
            "innodb_flush_log_at_trx_commit": "1",
            "local_infile": "ON" if inputs.takes_files else "OFF",
            "log_bin": "ON",
            "max_allowed_packet": str(_LONGEST_PACKET_BYTES),
            "max_connections": str(inputs.connections),
            "port": str(inputs.port),
            "require_secure_transport": "ON",
            "secure_file_priv": "",
            "server_id": own_number,
            "skip_name_resolve": "ON",
            "sync_binlog": "1",
            "time_zone": "+00:00",
            "tls_version": "TLSv1.2,TLSv1.3",
        }

    def facts(self, inputs: MariadbServerInputs) -> State:
        return {**super().facts(inputs), "running_settings": self.settings(inputs)}

    def files(self, inputs: MariadbServerInputs) -> Files:
        folder = inputs.place.folder
        places = {
            "datadir": f"{folder}/{DATA}",
            "pid_file": f"{folder}/run/mariadb.pid",
            "socket": f"{folder}/{mariadb.SOCKET}",
            "ssl_cert": f"{folder}/etc/mariadb/server.crt",
            "ssl_key": f"{folder}/etc/mariadb/server.key",
            # Servers that share a folder for it come upon one another's temporary tables there.
            "tmpdir": f"{folder}/{SCRATCH}",
            "log_bin": "binlog",
            "default_time_zone": "'+00:00'",
        }
        otherwise_named = ("log_bin", "time_zone", "secure_file_priv")
        settings = {k: v for k, v in self.settings(inputs).items() if k not in otherwise_named}
        lines = [f"{name} = {value}" for name, value in {**places, **settings}.items()]
        return {
            _CONFIGURATION: File(
                "# Written by Bascule; `pulumi up --refresh` puts changes back.\n[mariadbd]\n"
                + "\n".join(lines)
                + "\n"
            ),
            "etc/mariadb/server.crt": File(inputs.certificate),
            "etc/mariadb/server.key": File(inputs.private_key),
        }

    def service(self, inputs: MariadbServerInputs) -> Service:
        return Service(
            name=SERVICE,
            command=(
                str(mariadb.program("mariadbd")),
                f"--defaults-file={inputs.place.path(_CONFIGURATION)}",
            ),
            ready=(f"tcp:{inputs.address}:{inputs.port}", f"unix:{mariadb.SOCKET}"),
        )

    def create(self, inputs: MariadbServerInputs) -> tuple[str, State]:
        place = inputs.place
        if not place.path(_INSTALLED).exists():
            Supervisor(place).remove(SERVICE)  # one whose data were removed under it may still answer
            put_whole(place, DATA, partial(_install, place))
        return place.folder.name, self.update(inputs, {})

    def read(self, inputs: MariadbServerInputs, state: State) -> State | None:
        if not inputs.place.path(_INSTALLED).exists():
            return None
        seen = self.observe(inputs)
        try:
            seen["running_settings"] = self._running(inputs)
        except mariadb.NotAnswering:
            seen["services"] = {SERVICE: not_answering(seen["services"].get(SERVICE))}
        return seen

    def update(self, inputs: MariadbServerInputs, state: State) -> State:
        place = inputs.place
        place.make_folder(SCRATCH)
        is_changed = place.write(self.files(inputs))
        Supervisor(place).ensure(self.service(inputs))
        if not eventually(lambda: self._set(inputs, anew=is_changed), 10):
            raise SiteError(
                f"the database of {place.folder.name} takes no session",
                next_step=f"see {place.path(f'log/{SERVICE}.log')}",
            )
        if not self._is_as_set(inputs):
            Supervisor(place).ensure(self.service(inputs), restart=True)  # what only a start takes up
            eventually(lambda: self._is_as_set(inputs), 10)
        return {"server": place.path(_OWN_NAME).read_text()}

    def delete(self, inputs: MariadbServerInputs, state: State) -> None:
        self.clear(inputs)
        inputs.place.remove(DATA, SCRATCH)

    def _running(self, inputs: MariadbServerInputs) -> dict[str, str]:
        names = list(self.settings(inputs))
        with mariadb.session(inputs.place) as session:
            rows = session.run(
                f"SHOW GLOBAL VARIABLES WHERE Variable_name IN ({', '.join(['%s'] * len(names))})", *names
            )
        return dict(sorted((str(name), str(value)) for name, value in rows))

    def _set(self, inputs: MariadbServerInputs, *, anew: bool) -> bool:
        """Have the running server take up what it can; False while it takes no session."""
        try:
            running = self._running(inputs)
            with mariadb.session(inputs.place) as session:
                for name, value in self.settings(inputs).items():
                    if running.get(name) != value:
                        word = value if value in ("ON", "OFF") or value.isdigit() else f"'{value}'"
                        with suppress(pymysql.MySQLError):  # a start takes it up
                            session.run(f"SET GLOBAL {name} = {word}")
                if anew:
                    session.run("FLUSH SSL")
        except mariadb.NotAnswering:
            return False
        return True

    def _is_as_set(self, inputs: MariadbServerInputs) -> bool:
        try:
            return self._running(inputs) == self.settings(inputs)
        except mariadb.NotAnswering:
            return False


def _install(place: Place, folder: str) -> None:
    place.make_folder(SCRATCH)
    place.run(
        mariadb.program("mariadb-install-db"),
        "--no-defaults",
        f"--datadir={place.path(folder)}",
        f"--tmpdir={place.path(SCRATCH)}",
        "--skip-test-db",
        "--skip-name-resolve",
        "--auth-root-authentication-method=socket",
        f"--auth-root-socket-user={operator().name}",
        environment={"TMPDIR": str(place.path(SCRATCH))},
    )
    place.write({f"{folder}/{Path(_OWN_NAME).name}": File(secrets.token_hex(8))})
