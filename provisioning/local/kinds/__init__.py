"""
The kinds of resource that a local site is made of, one file each.

Promise: every kind's `read` looks at the real thing: a file on disk, a setting of the running
server, a role in the catalogue, an answering port.
"""

from typing import Any

from provisioning.local.kinds.authority import AuthorityKind, CertificateKind
from provisioning.local.kinds.backups import BackupsKind
from provisioning.local.kinds.cluster import ClusterKind
from provisioning.local.kinds.configuration import ConfigurationKind
from provisioning.local.kinds.database import DatabaseKind
from provisioning.local.kinds.door import DoorKind
from provisioning.local.kinds.folder import FolderKind
from provisioning.local.kinds.host import HostKind
from provisioning.local.kinds.mariadb_account import MariadbAccountKind
from provisioning.local.kinds.mariadb_database import MariadbDatabaseKind
from provisioning.local.kinds.mariadb_server import MariadbServerKind
from provisioning.local.kinds.password import PasswordKind
from provisioning.local.kinds.program import ProgramKind
from provisioning.local.kinds.role import RoleKind
from provisioning.local.kinds.ssh_key import SshKeyKind
from provisioning.local.kinds.web import WebServerKind
from provisioning.local.plugin.glue import Kind

VERSION = "0.1.0"
"""Of the provider that these kinds make."""
KINDS: tuple[Kind[Any], ...] = (
    AuthorityKind(),
    BackupsKind(),
    CertificateKind(),
    ClusterKind(),
    ConfigurationKind(),
    DatabaseKind(),
    DoorKind(),
    FolderKind(),
    HostKind(),
    MariadbAccountKind(),
    MariadbDatabaseKind(),
    MariadbServerKind(),
    PasswordKind(),
    ProgramKind(),
    RoleKind(),
    SshKeyKind(),
    WebServerKind(),
)
