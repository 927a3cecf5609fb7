"""
What a site's host is told when it starts: settings, which are no secrets, and secrets, which it fetches.

Promise: every name that a file under ``host_files`` asks for is here, and none of both kinds.
"""

from collections.abc import Mapping

from provisioning import door_page
from provisioning.aws import database, door
from provisioning.aws.ingress import HOST_PORT
from provisioning.aws.targets import ALIVE_PATH
from provisioning.aws.watched import AGENT
from provisioning.site import SiteArgs
from provisioning.tunnel import authorized_keys

SETTINGS_FILE = "/opt/bascule/settings.json"
HOME = "/srv/site"
FILES = "/srv/data/files"
BACKUPS = "/srv/data/backups"
DOOR_COMMAND = "bin/door"
ROLES = ("owner", "application", "migration")
MOVER = "mover"
"""The role that carries a live move; there only while one lasts."""
SECRETS = (*(f"{role}_password" for role in ROLES), "interface_token", "verification_token")
TOLD = (
    *("database_host", "login_key", "secret", "secret_version", "master_secret", "files_id"),
    *("bucket", "artifact", "host_keys_parameter", "door_rule", "target_group"),
    *("application_log", "web_log"),
)
"""What only AWS knows once it is there."""
_ETC = f"{HOME}/etc/application"


def roles_of(dbname: str) -> dict[str, str]:
    """Return the names of a site's database roles, by what they are for."""
    return {
        "owner": f"{dbname}_owner",
        "application": f"{dbname}_app",
        "migration": f"{dbname}_migration",
        MOVER: f"{dbname}_mover",
    }


def secrets_of(args: SiteArgs) -> tuple[str, ...]:
    """Return the names of a site's secrets; its mover's password is one of them while a move lasts."""
    return (*SECRETS, f"{MOVER}_password") if args.moving else SECRETS


def environment_text(values: Mapping[str, str]) -> str:
    """Return an environment file as systemd reads it; any value comes out as it went in."""

    def quoted(value: str) -> str:
        for sign in '\\"`$':
            value = value.replace(sign, f"\\{sign}")
        return f'"{value}"'

    return "\n".join(f"{name}={quoted(value)}" for name, value in sorted(values.items()))


def application_environment(args: SiteArgs, database_host: str) -> dict[str, str]:
    """Return what the application finds in its environment, as on every substrate."""
    application, dbname = args.manifest.application, args.manifest.site_dbname
    where = {
        "host": database_host,
        "port": str(database.PORT),
        "dbname": dbname,
        "user": roles_of(dbname)["application"],
        "sslmode": "verify-full",
        "sslrootcert": f"{_ETC}/ca.crt",
        "passfile": f"{_ETC}/pgpass",
    }
    return {
        "APP_DATABASE": " ".join(f"{key}={value}" for key, value in where.items()),
        "APP_ENVIRONMENT": args.environment,
        "APP_FILES": FILES,
        "APP_INTERFACE_TOKEN_FILE": f"{_ETC}/interface-token",
        "APP_LISTEN": "unix:/run/site/app.sock",
        "APP_VERSION": application.version,
        "APP_WORKERS": str(args.manifest.sizing_of(args.environment).application_workers),
        "PGPASSFILE": f"{_ETC}/pgpass",
        **{f"APP_SETTING_{key.upper()}": value for key, value in application.settings.items()},
    }


def host_settings(
    args: SiteArgs, *, region: str, database_ca: str, told: Mapping[str, str]
) -> dict[str, str]:
    """
    Return the settings of a site's hosts.

    Args:
        database_ca: PEM of the authority of RDS in the region.
        told: What only AWS knows, by the names in `TOLD`.
    """
    dbname = args.manifest.site_dbname
    return {
        "stack": args.manifest.stack(args.environment),
        "region": region,
        "version": args.manifest.application.version,
        "settings_file": SETTINGS_FILE,
        "backups": BACKUPS,
        "host_port": str(HOST_PORT),
        "alive_path": ALIVE_PATH,
        "verification_path": door.VERIFICATION_PATH,
        "door_page_closed": door_page.form("closed", args.manifest.language),
        "door_page_suspended": door_page.form("suspended", args.manifest.language),
        "door_later": door_page.later(args.manifest.language),
        "agent_namespace": AGENT,
        "dbname": dbname,
        **roles_of(dbname),
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
