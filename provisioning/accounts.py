"""
What a site's application is told so that it can ask the identity provider who somebody is.

Promise: the token reaches the host as a file of mode 0600 and the stack's state as a secret; a token that
others on this machine may read is refused.
"""

from collections.abc import Callable
from typing import TypeVar

from provisioning.errors import SiteError
from provisioning.manifest_access import Access
from provisioning.workspace import Workspace

TOKEN, AUTHORITY = "etc/application/accounts-token", "etc/application/accounts-ca.crt"
"""Where they lie, relative to the login folder of the site's host."""

T = TypeVar("T")


def settings(access: Access | None, at: Callable[[str], T]) -> dict[str, T | str]:
    """
    Return what stands in the application's environment; nothing where it serves no files to people.

    Args:
        at: Gives the absolute path of a path relative to the host's login folder.
    """
    if access is None or access.served is None:
        return {}
    told: dict[str, T | str] = {
        "APP_ACCOUNTS": str(access.scim.url).rstrip("/"),
        "APP_ACCOUNTS_TOKEN_FILE": at(TOKEN),
        "APP_FILES_PATH": access.served.path,
    }
    if access.scim.ca_file:
        told["APP_ACCOUNTS_CA_FILE"] = at(AUTHORITY)
    return told


def token(access: Access | None, workspace: Workspace) -> str:
    """
    Return the secret that the application asks the provider with; empty where it serves no files to people.

    Raises:
        SiteError: The token's file is not there, or others may read it.
    """
    if access is None or access.served is None:
        return ""
    file = workspace.root / access.served.token_file
    if not file.is_file() or file.stat().st_mode & 0o077:
        raise SiteError(
            f"{file} is not there, or others may read it",
            next_step="put the token there that may only read accounts (access.served), mode 0600",
        )
    return file.read_text().strip()


def authority(access: Access | None, workspace: Workspace) -> str:
    """Return the PEM that the provider is trusted by; empty where it needs none of its own."""
    if access is None or access.served is None or not access.scim.ca_file:
        return ""
    return (workspace.root / access.scim.ca_file).read_text()
