"""
The supervisor of a host: what keeps its servers up, asked and told over its Unix socket.

Promise: a service counts as running only when its ports answer: supervisord calls a process RUNNING
that a later look finds dead. No command line of a service holds a secret.
"""

import http.client
import shlex
import socket
import subprocess
import xmlrpc.client
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from provisioning.errors import SiteError
from provisioning.local import image, ports, postgres
from provisioning.local.operator import operator
from provisioning.local.place import File, Files, Place, eventually

SOCKET = "run/supervisor.sock"
CONFIGURATION = "etc/supervisord.conf"

_SUPERVISORD = """\
; Keeps this host's servers up. Written by Bascule; `pulumi up --refresh` puts changes back.
[supervisord]
logfile = {folder}/log/supervisord.log
logfile_maxbytes = 5MB
logfile_backups = 2
pidfile = {folder}/run/supervisord.pid
childlogdir = {folder}/log
directory = {folder}
identifier = {name}
umask = 077
environment = PATH="{path}",PYTHONDONTWRITEBYTECODE="1"

[unix_http_server]
file = {folder}/run/supervisor.sock
chmod = 0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[supervisorctl]
serverurl = unix://{folder}/run/supervisor.sock

[include]
files = {folder}/etc/supervisor.d/*.conf
"""

_PROGRAM = """\
[program:{name}]
command = {folder}/etc/services/{name}
directory = {folder}
autorestart = true
; A port that an orphan still holds lets a new server linger a while before it gives up.
startsecs = {settle_seconds}
startretries = 6
stopsignal = {stop_signal}
stopwaitsecs = 20
stopasgroup = true
killasgroup = true
redirect_stderr = true
stdout_logfile = {folder}/log/{name}.log
stdout_logfile_maxbytes = 10MB
stdout_logfile_backups = 2
"""


def supervisord_files(place: Place) -> Files:
    """The supervisor's own configuration; it names the image, so a host on another image shows as drift."""
    path = f"{place.folder}/bin:{image.path()}/bin:{postgres.programs()}:{place.environment()['PATH']}"
    text = _SUPERVISORD.format(folder=place.folder, name=place.folder.name, path=path)
    return {CONFIGURATION: File(text)}


@dataclass(frozen=True)
class Service:
    """A program that the supervisor keeps up."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    """Read from a file with mode 0700, so secrets may stand here."""
    directory: str = "."
    ready: Sequence[str] = ()
    """What answers once it works: ``tcp:127.1.2.3:5432`` or ``unix:run/app.sock``."""
    stop_signal: str = "TERM"

    def files(self, place: Place) -> Files:
        exports = "".join(
            f"export {key}={shlex.quote(self.environment[key])}\n" for key in sorted(self.environment)
        )
        start = (
            "#!/bin/sh\n# Written by Bascule; `pulumi up --refresh` puts changes back.\n"
            f"cd {shlex.quote(str(place.path(self.directory)))} || exit 1\n"
            f"{exports}exec {shlex.join(self.command)}\n"
        )
        program = _PROGRAM.format(
            name=self.name,
            folder=place.folder,
            stop_signal=self.stop_signal,
            settle_seconds=4 if self.ready else 1,
        )
        return {
            f"etc/services/{self.name}": File(start, 0o700),
            f"etc/supervisor.d/{self.name}.conf": File(program),
        }

    def answers(self, place: Place) -> bool:
        for gate in self.ready:
            form, _, where = gate.partition(":")
            if form == "unix":
                if not ports.socket_answers(place.path(where)):
                    return False
            else:
                address, _, port = where.rpartition(":")
                if not ports.answers(address, int(port)):
                    return False
        return True


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=40)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        try:
            self.sock.connect(str(self._path))
        except OSError:
            self.sock.close()
            raise


class _UnixTransport(xmlrpc.client.Transport):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: tuple[str, dict[str, str]] | str) -> http.client.HTTPConnection:
        connection = _UnixConnection(self._path)
        self._connection = host, connection  # which is what closing the transport closes
        return connection


class Supervisor:
    """The supervisor of one host."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def _ask(self, what: str, *words: object) -> Any:
        """Call one of supervisord's methods, such as ``getState``."""
        with xmlrpc.client.ServerProxy("http://host/RPC2", _UnixTransport(self.place.path(SOCKET))) as proxy:
            return getattr(proxy.supervisor, what)(*words)

    @property
    def is_up(self) -> bool:
        try:
            return bool(self._ask("getState")["statename"] == "RUNNING")
        except (OSError, http.client.HTTPException, xmlrpc.client.Error):
            return False

    def start(self) -> None:
        """Start supervisord, unless it is up, in a session of its own; first end what a killed one left."""
        with self.place.lock:
            if self.is_up:
                return
            self.place.end_processes()
            for folder in ("run", "log", "etc/supervisor.d", "etc/services"):
                self.place.make_folder(folder)
            self.place.remove(SOCKET)
            command = [str(image.path() / "bin" / "supervisord"), "-c", str(self.place.path(CONFIGURATION))]
            done = subprocess.run(  # noqa: S603 - our own words; returns at once, supervisord detaches itself
                [*operator().switch, *command],
                cwd=self.place.folder,
                env=self.place.environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                umask=0o077,
                check=False,
            )
            if done.returncode != 0 or not eventually(lambda: self.is_up, 10):
                raise SiteError(
                    f"the supervisor of {self.place.folder.name} does not start",
                    next_step=f"see {self.place.path('log/supervisord.log')}",
                )

    def stop(self) -> None:
        """Stop supervisord and all that it keeps up."""
        with self.place.lock:
            if self.is_up:
                self._ask("shutdown")
                eventually(lambda: not self.is_up and not self.place.strays(), 30)
            self.place.end_processes()

    def state(self, name: str) -> str:
        """Return supervisord's word for a service, in lower case; ``absent`` when it knows none."""
        try:
            return str(self._ask("getProcessInfo", name)["statename"]).lower()
        except xmlrpc.client.Fault:
            return "absent"
        except (OSError, http.client.HTTPException):
            return "unsupervised"

    def observe(self, service: Service) -> str:
        """Return ``running`` when supervised and answering, else what is wrong in a few words."""
        state = self.state(service.name)
        if state not in ("running", "starting"):
            return "stopped" if state == "exited" else state
        # One that was just restarted gets a moment to open its port.
        patience = 4 if state == "starting" else 0
        return "running" if eventually(lambda: service.answers(self.place), patience) else "not answering"

    def ensure(self, service: Service, *, restart: bool = False, patience_seconds: float = 25) -> None:
        """
        Write a service's files, have it run, and return once it answers.

        Args:
            restart: Also when its own files did not change.

        Raises:
            SiteError: It does not come up; the end of its log is in the text.
        """
        with self.place.lock:
            self.start()
            changed = self.place.write(service.files(self.place))
            known = {process["group"] for process in self._ask("getAllProcessInfo")}
            self._ask("reloadConfig")
            if service.name in known and (changed or restart):
                self._forget(service.name)
                known.discard(service.name)
            if service.name not in known:
                self._ask("addProcessGroup", service.name)
            self._start(service.name)
        wanted = ("running", "starting") if service.ready else ("running",)

        def is_there() -> str:
            state = self.state(service.name)
            if state == "fatal" or (state in wanted and service.answers(self.place)):
                return state
            return ""

        if eventually(is_there, patience_seconds) not in wanted:
            log = self.place.path(f"log/{service.name}.log")
            lines = log.read_text(errors="replace").splitlines()[-6:] if log.exists() else []
            raise SiteError(
                "\n".join(
                    [f"{service.name} of {self.place.folder.name} does not come up; its log ends:", *lines]
                ),
                next_step=f"see {log}",
            )

    def _start(self, name: str) -> None:
        if self.state(name) in ("running", "starting"):
            return
        try:
            self._ask("startProcess", name, False)
        except xmlrpc.client.Fault as fault:
            if "ALREADY_STARTED" not in fault.faultString:
                raise SiteError(f"the supervisor of {self.place.folder.name}: {fault.faultString}") from fault

    def _forget(self, name: str) -> None:
        self._ask("stopProcessGroup", name)
        self._ask("removeProcessGroup", name)

    def remove(self, name: str) -> None:
        """Stop a service and take its files away."""
        with self.place.lock:
            self.place.remove(f"etc/supervisor.d/{name}.conf", f"etc/services/{name}")
            if self.is_up and self.state(name) != "absent":
                self._ask("reloadConfig")
                self._forget(name)
