"""
A tenant's site on the local substrate: what `provisioning.site` asks for, from real local servers.

Promise: its `outputs` are those of `SiteOutputs`, with every secret in them marked as secret.
"""

from typing import Any

from pulumi import ComponentResource, Config, Input, Output, ResourceOptions

from provisioning import accounts
from provisioning.application import CONNECTIONS, ETC, SOCKET, environment
from provisioning.door_state import VERIFICATION_PATH
from provisioning.local import ports
from provisioning.local.components import Machine, address_of_stack
from provisioning.local.databases import PORTS, SITE_DATABASES, SiteDatabase
from provisioning.local.resources import (
    Certificate,
    Configuration,
    Door,
    Folder,
    Password,
    Program,
    WebServer,
)
from provisioning.running import running_workspace
from provisioning.site import SiteArgs
from provisioning.tunnel import authorized_keys


class Site(ComponentResource):
    """One environment of one tenant: a host with database, application, web server, door and backups."""

    outputs: dict[str, Any]
    """As `provisioning.site.SiteOutputs` names them."""

    def __init__(self, name: str, args: SiteArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("bascule:site:Site", name, {}, opts)
        self._child = ResourceOptions(parent=self)
        self._args, self._name = args, name
        manifest = args.manifest
        address = address_of_stack(Config("bascule").get("address"))

        machine = Machine(
            name,
            address=address,
            site_ports=(PORTS[manifest.site_engine], ports.HTTPS),
            tunnel_keys=authorized_keys(
                manifest,
                args.environment,
                own=address,
                database=f"{address}:{PORTS[manifest.site_engine]}",
            )
            if args.tunnels
            else [],
            interface_keys=[
                interface.public_key for interface in manifest.interfaces if interface.public_key
            ],
            opts=self._child,
        )
        self._machine = machine
        database = SITE_DATABASES[manifest.site_engine](name, args, machine, self._child)
        interface_token = Password(f"{name}-interface-token", opts=self._child).value
        verification_token = Password(f"{name}-verification-token", opts=self._child).value
        app = self._application(database, interface_token)
        door = Door(
            f"{name}-door",
            host=machine.folder,
            state=args.door,
            reason=args.door_reason,
            language=manifest.language,
            opens=args.opens.isoformat() if args.opens else None,
            opts=self._child,
        )
        web = WebServer(
            f"{name}-web",
            host=machine.folder,
            address=address,
            port=ports.HTTPS,
            names=[manifest.site_name, address],
            certificate=Certificate(
                f"{name}-web-cert",
                authority=machine.authority,
                names=[manifest.site_name, address],
                opts=self._child,
            ),
            upstream=f"unix:{SOCKET}",
            verification_token=verification_token,
            # Users meet the door before the application.
            opts=ResourceOptions(parent=self, depends_on=[door, app]),
        )
        if args.configuration:
            Configuration(
                f"{name}-configuration", host=machine.folder, sha256=args.configuration, opts=self._child
            )
        self.outputs = {
            "tenant": manifest.tenant,
            "environment": args.environment,
            "substrate": "local",
            "url": web.url,
            "ca": machine.authority.certificate,
            "site_name": manifest.site_name,
            "verification_path": VERIFICATION_PATH,
            "verification_token": verification_token,
            "ssh": machine.ssh,
            "host_address": address,
            "database": database.endpoint,
            "files": Output.concat(machine.folder, "/files"),
            "backups": Output.concat(machine.folder, "/backups"),
            "application_name": manifest.application.name,
            "application_version": manifest.application.version,
            "interface_token": interface_token,
            "interface_inbox": "inbox",
            "door": {"state": door.state, "command": door.command},
            "template": self._template(),
            "services": list(args.services),
            "connections": Output.concat(machine.folder, "/", CONNECTIONS),
        }
        self.register_outputs({})

    def _template(self) -> Output[str] | None:
        """Keep the environment's template on the host, where one can see that it is as it was published."""
        deployment = self._args.manifest.deployment
        if deployment is None:
            return None
        Folder(
            f"{self._name}-template",
            host=self._machine.folder,
            source=str(running_workspace().root / "templates" / deployment.template),
            path="template",
            opts=self._child,
        )
        return Output.concat(self._machine.folder, "/template")

    def _application(self, database: SiteDatabase, interface_token: Output[str]) -> Program:
        """Copy the artifact to ``app/<version>`` and keep its ``run`` up."""
        manifest, machine = self._args.manifest, self._machine
        application = manifest.application
        artifact = Folder(
            f"{self._name}-artifact",
            host=machine.folder,
            source=str(running_workspace().root / application.artifact),
            path=f"app/{application.version}",
            opts=self._child,
        )
        contents: dict[str, Input[str]] = {
            f"{ETC}/ca.crt": machine.authority.certificate,
            f"{ETC}/interface-token": Output.concat(interface_token, "\n"),
            **database.contents,
        }
        if token := accounts.token(manifest.access, running_workspace()):
            contents[accounts.TOKEN] = Output.secret(f"{token}\n")
        if authority := accounts.authority(manifest.access, running_workspace()):
            contents[accounts.AUTHORITY] = authority
        return Program(
            f"{self._name}-application",
            host=machine.folder,
            name="application",
            command=["./run"],
            directory=f"app/{application.version}",
            environment={
                **environment(
                    self._args,
                    lambda path: Output.concat(machine.folder, "/", path),
                    listen=Output.concat("unix:", machine.folder, "/", SOCKET),
                ),
                **database.settings,
            },
            contents=contents,
            ready=[f"unix:{SOCKET}"],
            restarted_by=[artifact.digest],
            opts=self._child,
        )
