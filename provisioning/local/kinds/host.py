"""
A host: a folder, a loopback address, an sshd with its own host key, and a supervisor.

Promise: one login, by key, lands in the host's folder; interface keys reach the inbox and nothing
else. Destroying a host ends every process of it and removes its folder.
"""

import shutil
from contextlib import suppress
from pathlib import Path

from pydantic import Field

from provisioning.errors import SiteError, WorkspaceError
from provisioning.local import image, ports, postgres
from provisioning.local.kinds.hosted import Hosted, HostedInputs
from provisioning.local.operator import operator
from provisioning.local.place import File, Files
from provisioning.local.plugin.glue import State
from provisioning.local.supervisor import Service, Supervisor, supervisord_files
from provisioning.workspace import Workspace

_HERE = Path(__file__).resolve()
_SCRIPTS = (_HERE.parents[1] / "host_scripts", _HERE.parents[2] / "host_scripts")
"""Of local hosts, and of hosts on any substrate."""

FOLDERS = ("app", "backups", "bin", "etc", "files", "inbox", "log", "run")

_SSHD = """\
# Written by Bascule; `pulumi up --refresh` puts changes back.
AddressFamily inet
ListenAddress {address}:{port}
HostKey {folder}/etc/ssh/host_key
PidFile {folder}/run/sshd.pid
AllowUsers {user}
AuthorizedKeysFile {folder}/etc/ssh/authorized_keys
# The modes of these files are facts of this resource; those of a home above them are not its business.
StrictModes no
AuthenticationMethods publickey
PubkeyAuthentication yes
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
PermitUserRC no
PermitUserEnvironment no
AllowTcpForwarding {forwarding}
AllowStreamLocalForwarding no
AllowAgentForwarding no
X11Forwarding no
PrintMotd no
MaxStartups 100
MaxSessions 100
ClientAliveInterval {alive}
ClientAliveCountMax 6
LogLevel VERBOSE
Subsystem sftp /usr/lib/openssh/sftp-server
"""


class HostInputs(HostedInputs):
    address: str = Field(pattern=r"^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$")
    ports: tuple[int, ...] = (ports.SSH,)
    """Which must be free before anything is made."""
    host_key: str
    """Private, in OpenSSH's form; a secret."""
    operator_key: str = Field(pattern=r"^ssh-ed25519 \S+")
    """Public key that logs in."""
    tunnel_keys: tuple[str, ...] = ()
    """Whole lines of authorized_keys, of keys that open a tunnel from legacy; see `provisioning.tunnel`."""
    interface_keys: tuple[str, ...] = ()
    """Public keys that may drop files into the inbox."""


def script(name: str, folder: Path) -> File:
    """Return one of our scripts with the host's paths filled in."""
    text = next(path for one in _SCRIPTS if (path := one / name).is_file()).read_text()
    known = {
        "folder": lambda: folder,
        "inbox": lambda: folder / "inbox",
        "image": image.path,
        "postgresql": postgres.programs,
    }
    for key, value in known.items():
        if (mark := f"@{key}@") in text:
            text = text.replace(mark, str(value()))
    return File(text, 0o700)


class HostKind(Hosted[HostInputs]):
    token = "bascule:local:Host"  # noqa: S105
    secret = frozenset({"host_key"})
    replaced_by = frozenset({"host", "address"})

    def files(self, inputs: HostInputs) -> Files:
        folder = inputs.place.folder
        keys = [f'restrict,pty,port-forwarding,command="{folder}/bin/login" {inputs.operator_key}']
        keys += [f'restrict,command="{folder}/bin/inbox" {key}' for key in inputs.interface_keys]
        keys += inputs.tunnel_keys
        sshd = _SSHD.format(
            address=inputs.address,
            port=ports.SSH,
            folder=folder,
            user=operator().name,
            # A tunnel says where it listens, and one that was cut off is found out before it is opened anew.
            forwarding="yes\nGatewayPorts clientspecified" if inputs.tunnel_keys else "local",
            alive=5 if inputs.tunnel_keys else 30,
        )
        return {
            **supervisord_files(inputs.place),
            "bin/login": script("login", folder),
            "bin/inbox": script("inbox", folder),
            "etc/ssh/authorized_keys": File("\n".join(keys) + "\n"),
            "etc/ssh/host_key": File(inputs.host_key),
            "etc/ssh/sshd_config": File(sshd),
        }

    def service(self, inputs: HostInputs) -> Service:
        configuration = str(inputs.place.path("etc/ssh/sshd_config"))
        return Service(
            name="sshd",
            command=("/usr/sbin/sshd", "-D", "-e", "-f", configuration),
            ready=(f"tcp:{inputs.address}:{ports.SSH}",),
        )

    def create(self, inputs: HostInputs) -> tuple[str, State]:
        place = inputs.place
        if len(str(place.path("run/.s.PGSQL.5432"))) > 107:
            raise SiteError(f"{place.folder} is too long for sockets in it (107 characters)")
        if not Supervisor(place).is_up:
            place.end_processes()  # of an attempt that was killed
            ports.require_free(inputs.address, inputs.ports, place.folder.name)
        for name in FOLDERS:
            place.make_folder(name)
        self.settle(inputs)
        return f"{inputs.address}", {"folder": str(place.folder), "user": operator().name}

    def read(self, inputs: HostInputs, state: State) -> State | None:
        return self.observe(inputs) if inputs.place.exists else None

    def update(self, inputs: HostInputs, state: State) -> State:
        for name in FOLDERS:
            inputs.place.make_folder(name)
        supervisor = Supervisor(inputs.place)
        if inputs.place.write(supervisord_files(inputs.place)):
            supervisor.stop()  # only a start reads its own configuration
        self.settle(inputs)
        return {"folder": str(inputs.place.folder), "user": operator().name}

    def delete(self, inputs: HostInputs, state: State) -> None:
        Supervisor(inputs.place).stop()
        inputs.place.remove_all()
        # What `migrate.connections` wrote to reach it: a private key that opens nothing any more.
        with suppress(WorkspaceError):
            access = Workspace.find().ssh_config(inputs.place.folder.name).parent
            shutil.rmtree(access, ignore_errors=True)
