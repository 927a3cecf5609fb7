"""
The resources of the local substrate as a Pulumi program declares them. What each input means stands
with its kind, in `provisioning.local.kinds`.

Promise: an input or output that holds a secret is secret in the state, whatever the program says.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pulumi import CustomResource, Input, Output, ResourceOptions

from provisioning.manifest import Engine

Strings = Input[Sequence[Input[str]]]
Texts = Input[Mapping[str, Input[str]]]


class _Local(CustomResource):
    """A resource of our own plugin; `outputs` are what only its creation tells."""

    def __init__(
        self, name: str, inputs: Mapping[str, Any], outputs: Sequence[str], opts: ResourceOptions | None
    ) -> None:
        token = f"bascule:local:{type(self).__name__}"
        given = {key: value for key, value in inputs.items() if value is not None}
        super().__init__(token, name, {**given, **dict.fromkeys(outputs)}, opts)


class Password(_Local):
    value: Output[str]

    def __init__(self, name: str, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, {}, ["value"], opts)


class SshKey(_Local):
    private_key: Output[str]
    public_key: Output[str]

    def __init__(self, name: str, *, comment: Input[str] = "", opts: ResourceOptions | None = None) -> None:
        super().__init__(name, {"comment": comment}, ["private_key", "public_key"], opts)


class CertificateAuthority(_Local):
    certificate: Output[str]
    private_key: Output[str]

    def __init__(self, name: str, *, common_name: Input[str], opts: ResourceOptions | None = None) -> None:
        super().__init__(name, {"common_name": common_name}, ["certificate", "private_key"], opts)


class Certificate(_Local):
    certificate: Output[str]
    private_key: Output[str]

    def __init__(
        self,
        name: str,
        *,
        authority: CertificateAuthority,
        names: Strings,
        opts: ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "authority": authority.certificate,
            "authority_key": authority.private_key,
            "names": names,
        }
        super().__init__(name, inputs, ["certificate", "private_key"], opts)


class Host(_Local):
    folder: Output[str]
    """Absolute; what other resources take as their `host`."""
    user: Output[str]
    """Who logs in."""
    address: Output[str]

    def __init__(
        self,
        name: str,
        *,
        folder: Input[str],
        address: Input[str],
        ports: Input[Sequence[int]],
        host_key: Input[str],
        operator_key: Input[str],
        tunnel_keys: Strings = (),
        interface_keys: Strings = (),
        opts: ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "host": folder,
            "address": address,
            "ports": ports,
            "host_key": host_key,
            "operator_key": operator_key,
            "tunnel_keys": tunnel_keys,
            "interface_keys": interface_keys,
        }
        super().__init__(name, inputs, ["folder", "user"], opts)


class Folder(_Local):
    digest: Output[str]

    def __init__(
        self,
        name: str,
        *,
        host: Input[str],
        source: Input[str],
        path: Input[str],
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, {"host": host, "source": source, "path": path}, ["digest"], opts)


class Configuration(_Local):
    """What a site was configured from."""

    def __init__(
        self, name: str, *, host: Input[str], sha256: Input[str], opts: ResourceOptions | None = None
    ) -> None:
        super().__init__(name, {"host": host, "sha256": sha256}, [], opts)


class Program(_Local):
    def __init__(
        self,
        resource_name: str,
        *,
        host: Input[str],
        name: Input[str],
        command: Strings,
        directory: Input[str] = ".",
        environment: Texts | None = None,
        contents: Texts | None = None,
        ready: Strings = (),
        stop_signal: Input[str] = "TERM",
        restarted_by: Strings = (),
        opts: ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "host": host,
            "name": name,
            "command": command,
            "directory": directory,
            "environment": environment,
            "contents": contents,
            "ready": ready,
            "stop_signal": stop_signal,
            "restarted_by": restarted_by,
        }
        super().__init__(resource_name, inputs, [], opts)


class DatabaseCluster(_Local):
    server: Output[str]
    """Tells this cluster from any that may follow it in the same place."""
    port: Output[int]

    def __init__(
        self,
        name: str,
        *,
        host: Input[str],
        address: Input[str],
        port: Input[int],
        certificate: Certificate,
        memory_mb: Input[int],
        connections: Input[int],
        settings: Texts | None = None,
        opts: ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "host": host,
            "address": address,
            "port": port,
            "certificate": certificate.certificate,
            "private_key": certificate.private_key,
            "memory_mb": memory_mb,
            "connections": connections,
            "settings": settings,
        }
        super().__init__(name, inputs, ["server"], opts)


class DatabaseRole(_Local):
    name: Output[str]
    password: Output[str]

    def __init__(
        self,
        resource_name: str,
        *,
        host: Input[str],
        cluster: DatabaseCluster,
        name: Input[str],
        password: Input[str],
        attributes: Strings = (),
        member_of: Strings = (),
        may_set: Strings = (),
        opts: ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "host": host,
            "port": cluster.port,
            "server": cluster.server,
            "name": name,
            "password": password,
            "attributes": attributes,
            "member_of": member_of,
            "may_set": may_set,
        }
        super().__init__(resource_name, inputs, [], opts)


class Database(_Local):
    name: Output[str]

    def __init__(
        self,
        resource_name: str,
        *,
        host: Input[str],
        cluster: DatabaseCluster,
        name: Input[str],
        owner: Input[str],
        application: Input[str] | None = None,
        connects: Strings = (),
        guests: Input[str] = "",
        final_backup: Input[bool] = False,
        opts: ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "host": host,
            "port": cluster.port,
            "server": cluster.server,
            "name": name,
            "owner": owner,
            "application": application,
            "connects": connects,
            "guests": guests,
            "final_backup": final_backup,
        }
        super().__init__(resource_name, inputs, [], opts)


class MariadbServer(_Local):
    server: Output[str]
    """Tells this server from any that may follow it in the same place."""
    port: Output[int]

    def __init__(
        self,
        name: str,
        *,
        host: Input[str],
        address: Input[str],
        port: Input[int],
        certificate: Certificate,
        memory_mb: Input[int],
        connections: Input[int],
        takes_files: Input[bool] = False,
        opts: ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "host": host,
            "address": address,
            "port": port,
            "certificate": certificate.certificate,
            "private_key": certificate.private_key,
            "memory_mb": memory_mb,
            "connections": connections,
            "takes_files": takes_files,
        }
        super().__init__(name, inputs, ["server"], opts)


class MariadbAccount(_Local):
    name: Output[str]
    password: Output[str]

    def __init__(
        self,
        resource_name: str,
        *,
        host: Input[str],
        server: MariadbServer,
        name: Input[str],
        password: Input[str],
        grants: Input[Mapping[str, Strings]],
        opts: ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "host": host,
            "server": server.server,
            "name": name,
            "password": password,
            "grants": grants,
        }
        super().__init__(resource_name, inputs, [], opts)


class MariadbDatabase(_Local):
    name: Output[str]

    def __init__(
        self,
        resource_name: str,
        *,
        host: Input[str],
        server: MariadbServer,
        name: Input[str],
        final_backup: Input[bool] = False,
        opts: ResourceOptions | None = None,
    ) -> None:
        inputs = {"host": host, "server": server.server, "name": name, "final_backup": final_backup}
        super().__init__(resource_name, inputs, [], opts)


class BackupSchedule(_Local):
    command: Output[str]

    def __init__(
        self,
        name: str,
        *,
        host: Input[str],
        cluster: DatabaseCluster | MariadbServer,
        database: Input[str],
        engine: Engine = "postgresql",
        opts: ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "host": host,
            "port": cluster.port,
            "server": cluster.server,
            "database": database,
            "engine": engine,
        }
        super().__init__(name, inputs, ["command"], opts)


class WebServer(_Local):
    url: Output[str]

    def __init__(
        self,
        name: str,
        *,
        host: Input[str],
        address: Input[str],
        port: Input[int],
        names: Strings,
        certificate: Certificate,
        upstream: Input[str],
        verification_token: Input[str],
        opts: ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "host": host,
            "address": address,
            "port": port,
            "names": names,
            "certificate": certificate.certificate,
            "private_key": certificate.private_key,
            "upstream": upstream,
            "verification_token": verification_token,
        }
        super().__init__(name, inputs, ["url"], opts)


class Door(_Local):
    state: Output[str]
    command: Output[str]
    """On the host, relative to its folder."""

    def __init__(
        self,
        name: str,
        *,
        host: Input[str],
        state: Input[str],
        reason: Input[str] = "",
        language: Input[str] = "en",
        opens: str | None = None,
        opts: ResourceOptions | None = None,
    ) -> None:
        inputs = {"host": host, "state": state, "reason": reason, "language": language, "opens": opens}
        super().__init__(name, inputs, ["command"], opts)
