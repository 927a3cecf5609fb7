"""
What hosts of the local substrate are composed of, for a site and for any other program (such as a
demo's legacy system).

Promise: whoever composes a `Machine` and a `DatabaseServer` gets keys, certificates and pinned host
keys with them, and never has to invent a port.
"""

from collections.abc import Mapping, Sequence

from pulumi import ComponentResource, Input, Output, ResourceOptions, get_stack

from provisioning.local import ports
from provisioning.local.operator import operator
from provisioning.local.resources import (
    Certificate,
    CertificateAuthority,
    DatabaseCluster,
    DatabaseRole,
    Host,
    Password,
    SshKey,
)
from provisioning.running import running_workspace
from provisioning.ssh_config import PINNED

_SSH_CONFIG = f"""\
Host {{alias}}
    HostName {{address}}
    Port {{port}}
    User {{user}}
{PINNED}"""


def address_of_stack(chosen: str | None = None) -> str:
    """Return the address of the running program's stack: the `chosen` one, else its own."""
    return chosen or ports.address_of(running_workspace().root, get_stack())


class Machine(ComponentResource):
    """A host of its own, with its keys and its certificate authority."""

    folder: Output[str]
    """Absolute; known only once the host runs, so what needs the host takes it from here."""
    address: str
    ssh: dict[str, Input[str]]
    """`provisioning.site.SshAccess`, its identity a secret."""
    authority: CertificateAuthority

    def __init__(
        self,
        name: str,
        *,
        address: str,
        site_ports: Sequence[int] = (ports.POSTGRESQL, ports.HTTPS),
        tunnel_keys: Sequence[Input[str]] = (),
        interface_keys: Sequence[Input[str]] = (),
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("bascule:site:Machine", name, {}, opts)
        child = ResourceOptions(parent=self)
        stack = get_stack()
        folder = operator().host_folder(running_workspace().identity, stack)
        host_key = SshKey(f"{name}-host-key", comment=stack, opts=child)
        login_key = SshKey(f"{name}-login-key", comment=f"operator@{stack}", opts=child)
        host = Host(
            f"{name}-host",
            folder=str(folder),
            address=address,
            ports=[ports.SSH, *site_ports],
            host_key=host_key.private_key,
            operator_key=login_key.public_key,
            tunnel_keys=list(tunnel_keys),
            interface_keys=list(interface_keys),
            opts=child,
        )
        self.authority = CertificateAuthority(f"{name}-ca", common_name=f"Bascule {stack}", opts=child)
        self.folder, self.address, self.host = host.folder, address, host
        self.ssh = {
            "alias": stack,
            "config": host.user.apply(
                lambda user: _SSH_CONFIG.format(alias=stack, address=address, port=ports.SSH, user=user)
            ),
            "known_hosts": host_key.public_key.apply(lambda key: f"[{address}]:{ports.SSH} {_bare(key)}"),
            "identity": login_key.private_key,
        }
        self.register_outputs({})


def _bare(public_key: str) -> str:
    """Without its comment."""
    return " ".join(public_key.split()[:2])


class DatabaseServer(ComponentResource):
    """A PostgreSQL cluster on a machine, and its roles."""

    cluster: DatabaseCluster

    def __init__(
        self,
        name: str,
        *,
        machine: Machine,
        memory_mb: int,
        connections: int,
        settings: Mapping[str, str] | None = None,
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("bascule:site:DatabaseServer", name, {}, opts)
        self.name, self.machine = name, machine
        self._child = ResourceOptions(parent=self)
        certificate = Certificate(
            f"{name}-cert", authority=machine.authority, names=[machine.address], opts=self._child
        )
        self.cluster = DatabaseCluster(
            f"{name}-cluster",
            host=machine.folder,
            address=machine.address,
            port=ports.POSTGRESQL,
            certificate=certificate,
            memory_mb=memory_mb,
            connections=connections,
            settings=settings or {},
            opts=self._child,
        )
        self.register_outputs({})

    def role(
        self,
        role: str,
        *,
        attributes: Sequence[str] = (),
        member_of: Sequence[Input[str]] = (),
        may_set: Sequence[str] = (),
        is_temporary: bool = False,
    ) -> DatabaseRole:
        """Add a role that logs in, with a password of its own; a temporary one is never protected."""
        child = ResourceOptions(parent=self, protect=False) if is_temporary else self._child
        password = Password(f"{self.name}-{role}-password", opts=child)
        return DatabaseRole(
            f"{self.name}-{role}",
            host=self.machine.folder,
            cluster=self.cluster,
            name=role,
            password=password.value,
            attributes=sorted(attributes),
            member_of=list(member_of),
            may_set=sorted(may_set),
            opts=child,
        )
