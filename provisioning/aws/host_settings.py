"""
What a site's host is told when it starts: settings, which are no secrets, and secrets, which it fetches.

Promise: every name that a file under ``host_files`` asks for is here, and none of both kinds.
"""

from collections.abc import Mapping

from provisioning import application, door_page
from provisioning.aws import database, inbox
from provisioning.aws.ingress import HOST_PORT
from provisioning.aws.targets import ALIVE_PATH
from provisioning.aws.watched import AGENT
from provisioning.door_state import VERIFICATION_PATH
from provisioning.manifest import Manifest
from provisioning.site import SiteArgs
from provisioning.tunnel import authorized_keys

SETTINGS_FILE = "/opt/bascule/settings.json"
HOME = "/srv/site"
FILES = "/srv/data/files"
BACKUPS = "/srv/data/backups"
DOOR_COMMAND = "bin/door"
CONNECTIONS = "/var/log/site/application/connections.jsonl"
"""Of this host alone: who works by another is in that one's."""
CONFIGURATION_MARK = "/srv/data/state/configuration.json"
TEMPLATE = f"{HOME}/template"
_ELSEWHERE = {
    "files": FILES,
    "inbox": "/srv/data/inbox",
    application.CONNECTIONS: CONNECTIONS,
    application.SOCKET: "/run/site/app.sock",
}
"""What does not lie in the login folder, by its path there on other substrates."""
MOVER = "mover"
"""The role that carries a live move; there only while one lasts."""
TOLD = (
    *("database_host", "login_key", "secret", "secret_version", "master_secret", "files_id"),
    *("bucket", "artifact", "template", "host_keys_parameter", "door_rule", "target_group"),
    *("application_log", "web_log"),
)
"""What only AWS knows once it is there."""
GIVEN = ("accounts_token", "inbox_host_key")
"""Secrets that somebody else made; empty where a site has none."""


def at(path: str) -> str:
    """Return where on a host something lies, by its path relative to the login folder on any substrate."""
    return _ELSEWHERE.get(path, f"{HOME}/{path}")


def roles(manifest: Manifest) -> tuple[str, ...]:
    """Return what a site's database roles are for."""
    return ("owner", "application", "migration", *(["reader"] if manifest.deployment else []))


def made_secrets(manifest: Manifest) -> tuple[str, ...]:
    """Return the names of the secrets that are made for a site."""
    return (*(f"{role}_password" for role in roles(manifest)), "interface_token", "verification_token")


def roles_of(dbname: str) -> dict[str, str]:
    """Return the names of a site's database roles, by what they are for."""
    ends = {
        "owner": "owner",
        "application": "app",
        "migration": "migration",
        "reader": "reader",
        MOVER: MOVER,
    }
    return {role: f"{dbname}_{end}" for role, end in ends.items()}


def secrets_of(args: SiteArgs) -> tuple[str, ...]:
    """Return the names of a site's secrets; its mover's password is one of them while a move lasts."""
    return (*made_secrets(args.manifest), *([f"{MOVER}_password"] if args.moving else []))


def environment_text(values: Mapping[str, str]) -> str:
    """Return an environment file as systemd reads it; any value comes out as it went in."""

    def quoted(value: str) -> str:
        for sign in '\\"`$':
            value = value.replace(sign, f"\\{sign}")
        return f'"{value}"'

    return "\n".join(f"{name}={quoted(value)}" for name, value in sorted(values.items()))


def application_environment(args: SiteArgs, database_host: str) -> dict[str, str]:
    """Return what the application finds in its environment, as on every substrate."""
    dbname = args.manifest.site_dbname
    where = {
        "host": database_host,
        "port": str(database.PORT),
        "dbname": dbname,
        "user": roles_of(dbname)["application"],
        "sslmode": "verify-full",
        "sslrootcert": at(f"{application.ETC}/ca.crt"),
        "passfile": at(f"{application.ETC}/pgpass"),
    }
    return {
        **application.environment(args, at, listen=f"unix:{at(application.SOCKET)}"),
        "APP_DATABASE": " ".join(f"{key}={value}" for key, value in where.items()),
        "PGPASSFILE": where["passfile"],
    }


def inbox_keys(manifest: Manifest) -> list[str]:
    """Return who may deliver by sftp, as lines of an authorized_keys; nothing else is open to these keys."""
    keys = [one.public_key for one in manifest.interfaces if one.kind == "sftp" and one.public_key]
    return [f'restrict,command="{HOME}/bin/inbox" {key}' for key in keys]


def host_settings(
    args: SiteArgs,
    *,
    region: str,
    database_ca: str,
    accounts_authority: str = "",
    told: Mapping[str, str],
) -> dict[str, str]:
    """
    Return the settings of a site's hosts.

    Args:
        database_ca: PEM of the authority of RDS in the region.
        accounts_authority: PEM of the identity provider's, where it has one of its own.
        told: What only AWS knows, by the names in `TOLD`.
    """
    dbname = args.manifest.site_dbname
    return {
        "work": "host",
        "stack": args.manifest.stack(args.environment),
        "region": region,
        "version": args.manifest.application.version,
        "settings_file": SETTINGS_FILE,
        "backups": BACKUPS,
        "host_port": str(HOST_PORT),
        "alive_path": ALIVE_PATH,
        "inbox": at("inbox"),
        "inbox_port": str(inbox.HOST_PORT),
        "inbox_keys": "\n".join(inbox_keys(args.manifest)),
        "verification_path": VERIFICATION_PATH,
        "door_page_closed": door_page.form("closed", args.manifest.language),
        "door_page_suspended": door_page.form("suspended", args.manifest.language),
        "door_later": door_page.later(args.manifest.language),
        "agent_namespace": AGENT,
        "dbname": dbname,
        "roles": " ".join(roles(args.manifest)),
        **roles_of(dbname),
        "accounts_authority": accounts_authority.strip(),
        # A session comes by Session Manager's agent, from the host itself.
        "tunnel_keys": "\n".join(
            authorized_keys(
                args.manifest,
                args.environment,
                own="127.0.0.1",
                database=f"{told['database_host']}:{database.PORT}",
            )
            if args.tunnels
            else []
        ),
        "database_ca": database_ca.strip(),
        "database_port": str(database.PORT),
        "application_environment": environment_text(application_environment(args, told["database_host"])),
        **{name: told[name] for name in TOLD},
    }


def runner_settings(hosts: Mapping[str, str], host_keys_parameter: str) -> dict[str, str]:
    """Return the settings of the migration runner: what it needs of those of the hosts, seldom changing."""
    kept = ("region", "login_key", "files_id", "host_port", "alive_path")
    return {
        **{name: hosts[name] for name in kept},
        "work": "runner",
        "tunnel_keys": "",  # a tunnel ends at a host
        "host_keys_parameter": host_keys_parameter,
    }
