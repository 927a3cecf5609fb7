"""
Workspaces whose sites really stand up on this machine, with an application of a few lines.

Promise: a workspace made here holds one tenant with a sound manifest; `temporary` takes its stacks'
hosts away whatever became of them.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from provisioning.engine import Stack
from provisioning.local.operator import operator
from provisioning.local.place import Place
from provisioning.local.supervisor import Supervisor
from provisioning.workspace import Workspace

CHECKOUT = Path(__file__).resolve().parents[2]

APPLICATION = '''\
#!/usr/bin/env python3
"""Answers every request with what it was asked and what it was given; its database is asked too."""
import json, os, socketserver, sys
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any


def database_user():
    where = os.environ["APP_DATABASE"]
    if where.endswith(".cnf"):
        import pymysql

        with pymysql.connect(read_default_file=where) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT SUBSTRING_INDEX(CURRENT_USER(), '@', 1)")
            return cursor.fetchone()[0]
    import psycopg

    with psycopg.connect(where) as connection:
        return connection.execute("SELECT current_user").fetchone()[0]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        user = database_user()
        body = json.dumps({
            "path": self.path, "version": os.environ["APP_VERSION"], "database_user": user,
            "environment": os.environ["APP_ENVIRONMENT"],
            "token_seen": self.headers.get("X-Verification-Token"),
            "came_by": self.headers.get("X-Forwarded-Proto"),
        }).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self):
        return "site"

    def log_message(self, *words):
        pass


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


path = os.environ["APP_LISTEN"].removeprefix("unix:")
Path(path).unlink(missing_ok=True)
Server(path, Handler).serve_forever()
'''


def manifest(tenant: str) -> dict[str, Any]:
    """A sound manifest of a tenant on the local substrate, as it stands in YAML."""
    return {
        "tenant": tenant,
        "display_name": f"Home {tenant}",
        "playbook": "besa",
        "substrate": "local",
        "site_name": f"{tenant}.care.example",
        "application": {
            "name": "echo",
            "version": "1.0.0",
            "artifact": "artifact",
            "settings": {"database": "care"},
        },
        "contacts": {
            "responsible": {"name": "Rosa Frei", "email": f"rosa@{tenant}.example"},
            "technical": {"name": "Urs Frei", "email": f"urs@{tenant}.example"},
        },
        "legacy": {
            "hosts": [{"name": "old", "ssh_config": "old/ssh_config", "ssh_alias": "old"}],
            "databases": [
                {
                    "name": "main",
                    "host": "old",
                    "dbname": "care",
                    "user": "migration",
                    "password_file": "old/password",
                    "ca_file": "old/ca.pem",
                }
            ],
        },
        "window": {
            "opens_at": "2027-07-02T17:00:00+02:00",
            "closes_at": "2027-07-03T12:00:00+02:00",
            "time_zone": "Europe/Zurich",
        },
        "sizing": {name: {"database_memory_mb": 64, "database_connections": 30} for name in ("test", "prod")},
        "support": {"email": "help@vendor.example"},
    }


def local_workspace(folder: Path, *tenants: str) -> Workspace:
    """Make `folder` a workspace with these tenants, all with the same application."""
    shutil.copy(CHECKOUT / "Pulumi.yaml", folder)
    (folder / "provisioning").symlink_to(CHECKOUT / "provisioning")
    (folder / "artifact").mkdir()
    (folder / "artifact" / "run").write_text(APPLICATION)
    (folder / "artifact" / "run").chmod(0o755)
    (folder / "stacks").mkdir()
    for tenant in tenants:
        text = yaml.safe_dump(manifest(tenant), sort_keys=False)
        (folder / "stacks" / f"{tenant}.yaml").write_text(text)
    return Workspace(folder)


def place_of(workspace: Workspace, stack: str) -> Place:
    """The folder of a stack's host."""
    return Place(operator().host_folder(workspace.identity, stack))


@contextmanager
def temporary(stack: Stack) -> Iterator[Stack]:
    """
    Give a stack that exists; afterwards end its host and remove it, whatever became of it.

    The engine is not asked to: that takes long, and that a destroy leaves nothing is for the tests of
    destroying. The state goes with the workspace's folder.
    """
    stack.ensure()
    place = place_of(stack.workspace, stack.name)
    kept = set(final_backups(stack))
    try:
        yield stack
    finally:
        Supervisor(place).stop()
        place.remove_all()
        if left := set(final_backups(stack)) - kept:
            place.run("rm", "-f", "--", *left)


def final_backups(stack: Stack) -> list[Path]:
    """The dumps that destroying this stack left, oldest first."""
    return sorted((operator().home / "final-backups").glob(f"{stack.name}-*"))
