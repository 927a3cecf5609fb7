"""
A small site that stands, and all that a test asks it by.

Promise: it stands as the tests of the local substrate found it; who changes it puts it back.
"""

import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import yaml

from migrate.connections import write_access
from provisioning.engine import Stack
from provisioning.local.place import Place
from provisioning.site import DatabaseRole, SiteOutputs
from tests.support.local_sites import local_workspace, place_of, temporary

INTERFACE = "labs"


@dataclass
class Standing:
    """A site that stands, and all that a test asks it by."""

    stack: Stack
    site: SiteOutputs
    place: Place
    took_seconds: float
    interface_key: Path

    @property
    def address(self) -> str:
        return self.site.database.host

    def get(self, path: str, *, token: str | None = None) -> tuple[int, str]:
        """Ask the site as a browser that trusts its authority."""
        context = ssl.create_default_context(cadata=self.site.ca)
        headers = {"X-Verification-Token": token} if token else {}
        request = urllib.request.Request(f"{self.site.url}{path}", headers=headers)  # noqa: S310 - https
        try:
            with urllib.request.urlopen(request, context=context, timeout=10) as answer:  # noqa: S310 - https
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def sql(
        self, role: DatabaseRole, statement: str, sslmode: str = "verify-full"
    ) -> list[tuple[object, ...]]:
        """Run a statement over TLS, as the tenant's programs reach their database."""
        ca = self.place.path("etc/application/ca.crt")
        with psycopg.connect(
            host=self.address,
            port=self.site.database.port,
            dbname=self.site.database.dbname,
            user=role.name,
            password=role.password.get_secret_value(),
            sslmode=sslmode,
            sslrootcert=str(ca),
            connect_timeout=5,
            autocommit=True,
        ) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def as_superuser(self, statement: str) -> None:
        self.place.run(
            *("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", self.place.path("run"), "-U", "postgres"),
            *("-d", self.site.database.dbname, "-c", statement),
        )

    def supervisorctl(self, *words: str) -> None:
        program = Path(f"/proc/{self.supervisor_pid}/cmdline").read_text().split("\0")[1]
        control = Path(program).with_name("supervisorctl")
        self.place.run(control, "-c", self.place.path("etc/supervisord.conf"), *words, check=False)

    @property
    def supervisor_pid(self) -> int:
        return int(self.place.path("run/supervisord.pid").read_text())

    def ssh(self, *words: str, give: str = "") -> subprocess.CompletedProcess[str]:
        config = write_access(self.stack.workspace, self.stack.name, self.site.ssh)
        return subprocess.run(
            ["ssh", "-F", str(config), self.site.ssh.alias, *words],
            input=give,
            text=True,
            capture_output=True,
            timeout=20,
            check=False,
        )


@contextmanager
def standing_site(folder: Path) -> Iterator[Standing]:
    """Stand up a test environment with one sftp interface; take it away at the end."""
    workspace = local_workspace(folder, "birke")
    key = folder / "interface_key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    manifest = workspace.stacks / "birke.yaml"
    content = yaml.safe_load(manifest.read_text())
    content["language"] = "de"
    content["interfaces"] = [
        {
            "name": INTERFACE,
            "kind": "sftp",
            "host": "old",
            "control": "bin/labs",
            "public_key": key.with_suffix(".pub").read_text().strip(),
        }
    ]
    manifest.write_text(yaml.safe_dump(content))
    with temporary(Stack(workspace, "birke-test")) as stack:
        began = time.monotonic()
        stack.up()
        took = time.monotonic() - began
        yield Standing(stack, stack.outputs(), place_of(workspace, stack.name), took, key)
