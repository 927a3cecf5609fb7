"""
What a site's application finds in its environment, on any substrate.

Promise: an application that runs on one substrate finds the same names on every other; where things lie is
for the substrate to say. What is secret is in files, of which the environment has the paths.
"""

from collections.abc import Callable
from typing import TypeVar

from provisioning import accounts
from provisioning.site import SiteArgs

ETC = "etc/application"
"""Folder of what is written for the application, relative to the login folder of the site's host."""
SOCKET = "run/app.sock"
CONNECTIONS = "run/connections.jsonl"

T = TypeVar("T")


def environment(args: SiteArgs, at: Callable[[str], T], *, listen: T) -> dict[str, T | str]:
    """
    Return all but where the database is, which is its engine's to say.

    Args:
        at: Gives the absolute path of a path relative to the host's login folder.
        listen: Where the application is to listen, such as ``unix:/…/app.sock``.
    """
    manifest = args.manifest
    return {
        "APP_CONNECTIONS": at(CONNECTIONS),
        "APP_ENVIRONMENT": args.environment,
        "APP_FILES": at("files"),
        "APP_INBOX": at("inbox"),
        "APP_INTERFACE_TOKEN_FILE": at(f"{ETC}/interface-token"),
        "APP_LISTEN": listen,
        "APP_SERVICES": ",".join(args.services),
        "APP_VERSION": manifest.application.version,
        "APP_WORKERS": str(manifest.sizing_of(args.environment).application_workers),
        **accounts.settings(manifest.access, at),
        **{f"APP_SETTING_{key.upper()}": value for key, value in manifest.application.settings.items()},
    }
