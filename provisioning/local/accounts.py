"""
What a site's application is told so that it can ask the identity provider who somebody is.

Promise: the token reaches the host as a file of mode 0600 and the program's state as a secret; a token that
others on this machine may read is refused.
"""

from pulumi import Output

from provisioning.errors import SiteError
from provisioning.manifest_access import Access
from provisioning.workspace import Workspace

_TOKEN, _AUTHORITY = "etc/application/accounts-token", "etc/application/accounts-ca.crt"


def settings(access: Access | None, folder: Output[str]) -> dict[str, Output[str]]:
    """Return what stands in the application's environment; nothing where it serves no files to people."""
    if access is None or access.served is None:
        return {}
    told = {
        "APP_ACCOUNTS": Output.from_input(str(access.scim.url).rstrip("/")),
        "APP_ACCOUNTS_TOKEN_FILE": Output.concat(folder, "/", _TOKEN),
        "APP_FILES_PATH": Output.from_input(access.served.path),
    }
    if access.scim.ca_file:
        told["APP_ACCOUNTS_CA_FILE"] = Output.concat(folder, "/", _AUTHORITY)
    return told


def contents(access: Access | None, workspace: Workspace) -> dict[str, Output[str]]:
    """
    Return the files that these settings name, by path relative to the host's folder.

    Raises:
        SiteError: The token's file is not there, or others may read it.
    """
    if access is None or access.served is None:
        return {}
    token = workspace.root / access.served.token_file
    if not token.is_file() or token.stat().st_mode & 0o077:
        raise SiteError(
            f"{token} is not there, or others may read it",
            next_step="put the token there that may only read accounts (access.served), mode 0600",
        )
    files = {_TOKEN: Output.secret(token.read_text().strip() + "\n")}
    if access.scim.ca_file:
        files[_AUTHORITY] = Output.from_input((workspace.root / access.scim.ca_file).read_text())
    return files
