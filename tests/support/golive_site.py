"""
A tenant in the middle of its move, for tests of the go-live suite: a real local site, a real legacy host
with one connector, and an application that can be told to misbehave.

Promise: as it is made, every check of the suite passes.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from migrate.case import Case
from migrate.compare.verdict import Comparison, DatabaseComparison, TableResult, TreeComparison
from migrate.connections import Hosts
from migrate.connector import Connector
from migrate.fence import FrozenDatabase
from migrate.freeze import Freeze
from migrate.step import StepContext
from migrate.suite_run import suite_folder
from migrate.verify import Check, read_report
from provisioning.engine import Stack
from provisioning.local import image
from provisioning.local.place import Place
from provisioning.local.supervisor import CONFIGURATION
from provisioning.manifest_file import load_manifest
from provisioning.workspace import Workspace
from tests.support.local_sites import CHECKOUT, local_workspace, manifest, place_of, temporary
from tests.support.moves import Told
from tests.support.private_hosts import PrivateHost, private_host

TENANT = "golive"
ATTEMPT = "realisation-1"

APPLICATION = '''\
#!/usr/bin/env python3
"""Health, version, one interface, files that nobody has; ``files/pretend.json`` makes it answer otherwise."""
import json, os, socketserver
from http.server import BaseHTTPRequestHandler
from pathlib import Path
import psycopg

FILES = Path(os.environ["APP_FILES"])


class Handler(BaseHTTPRequestHandler):
    def answer(self, status, body):
        pretended = FILES / "pretend.json"
        if pretended.exists():
            status, body = json.loads(pretended.read_text()).get(self.path, (status, body))
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_PUT(self):
        known = self.headers.get("X-Verification-Entitlements")
        area = self.path.split("/")[2]
        needed = {"GET": "read", "PUT": "write", "DELETE": "other"}[self.command]
        may = known is not None and f"{area}:{needed}" in known.split(",")
        self.answer(401 if known is None else 412 if may else 403, {})

    do_DELETE = do_PUT

    def do_GET(self):
        if self.path.startswith("/files/"):
            return self.do_PUT()
        if self.path == "/healthz":
            psycopg.connect(os.environ["APP_DATABASE"]).close()
        if self.path.startswith("/interfaces/") and not self.allowed():
            return self.answer(401, {})
        self.answer(200, {
            "version": os.environ["APP_VERSION"], "environment": os.environ["APP_ENVIRONMENT"],
            "received": 41, "last_sequence": 41,
        })

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer((202 if body.get("probe") else 201) if self.allowed() else 401, {})

    def allowed(self):
        token = Path(os.environ["APP_INTERFACE_TOKEN_FILE"]).read_text().strip()
        return self.headers.get("Authorization") == f"Bearer {token}"

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

ACCESS = {
    "sheet": "users.csv",
    "scim": {"url": "https://id.example/v2", "token_file": "accounts-token"},
    "served": {"path": "/files", "token_file": "accounts-token"},
    "roles": [
        {"name": "clerk", "title": "Clerk", "files": {"documents": ["read"]}},
        {"name": "chief", "title": "Chief", "files": {"documents": ["read", "write", "other"]}},
        {"name": "guest", "title": "Guest"},
    ],
}

CONNECTOR = '''\
#!{python}
"""A connector that has delivered 41 messages and takes in no more."""
import json, ssl, sys, urllib.request
from pathlib import Path

HERE = Path(__file__).with_suffix(".json")
state = json.loads(HERE.read_text()) if HERE.exists() else {{
    "mode": "transmitting", "destination": {{"kind": "https", "url": "https://legacy.example/"}}}}
verb = sys.argv[1:]
if verb == ["probe"]:
    way, there = json.load(sys.stdin), state["destination"]
    base, _, path = there["url"].partition("/interfaces/")
    asked = urllib.request.Request(
        base + way["path_prefix"].rstrip("/") + "/interfaces/" + path,
        json.dumps({{"probe": True, "sequence": 42, "id": "x", "payload": {{}}}}).encode(),
        {{"Authorization": "Bearer " + there["token"], "X-Verification-Token": way["token"]}})
    context = ssl.create_default_context(cadata=there["ca"])
    with urllib.request.urlopen(asked, context=context) as answer:
        print(json.dumps({{"ok": answer.status == 202, "detail": str(answer.status)}}))
    sys.exit()
if verb == ["hold"]:
    state["mode"] = "held"
elif verb == ["release"]:
    state["mode"] = "transmitting"
elif verb == ["repoint"]:
    state.update(before=state["destination"], destination=json.load(sys.stdin))
elif verb == ["repoint", "--back"]:
    state["destination"] = state.pop("before", state["destination"])
elif verb == ["received"]:
    print(json.dumps({{"received": 41, "last_sequence": 41}}))
    sys.exit()
HERE.write_text(json.dumps(state))
shown = {{key: value for key, value in state["destination"].items() if key != "token"}}
print(json.dumps({{"name": "meds", "kind": "https", "mode": state["mode"], "destination": shown,
    "accepted": 43, "delivered": 41, "waiting": 2, "last_sequence": 43}}))
'''


@dataclass
class GoLiveSite:
    """The tenant's prod site and its legacy host."""

    workspace: Workspace
    legacy: PrivateHost

    @property
    def case(self) -> Case:
        return Case(self.workspace, load_manifest(self.workspace, TENANT))

    @property
    def stack(self) -> Stack:
        return Stack(self.workspace, f"{TENANT}-prod")

    @property
    def place(self) -> Place:
        return place_of(self.workspace, self.stack.name)

    @contextmanager
    def context(self) -> Iterator[StepContext]:
        """What a step of this attempt works on."""
        case = self.case
        with Hosts(self.workspace, case.manifest) as hosts:
            yield StepContext(case, hosts, Told(), ATTEMPT)

    def connector(self, hosts: Hosts) -> Connector:
        return Connector(hosts.legacy("old"), self.case.manifest.interfaces[0])

    def pretend(self, **answers: Any) -> None:
        """Let the application answer a path otherwise, as ``healthz=(500, {})``; nothing ends it."""
        path = self.place.path("files/pretend.json")
        path.write_text(json.dumps({f"/{key}".replace("__", "/"): value for key, value in answers.items()}))
        path.chmod(0o644)

    def write_evidence(
        self, *, attempt: str = ATTEMPT, target_rows: int = 3, odd_files: int = 0, hours_late: int = 0
    ) -> None:
        """Leave what the steps before the suite leave: a freeze, and a comparison that began after it."""
        now = datetime.now(UTC)
        frozen = FrozenDatabase(
            name="main",
            dbname="care",
            frozen_at=now + timedelta(hours=hours_late),
            seconds=0.1,
            ended=(),
            rows_written=0,
        )
        freeze = Freeze(attempt=attempt, lease_seconds=60, hosts=("old",), databases=(frozen,))
        table = TableResult(
            name="public.t", source_rows=3, target_rows=target_rows, source_digest="d", target_digest="d"
        )
        database = DatabaseComparison(
            name="main",
            source_position="0/1",
            target_position="0/1",
            tables=(table,),
            definitions=1,
            sequences=0,
            large_objects=0,
            differences=(),
            not_compared=(),
            seconds=0.1,
        )
        tree = TreeComparison(name="documents", files=2, folders=1, bytes=10, differing=odd_files, shown=())
        comparison = Comparison(
            attempt=attempt,
            started_at=now + timedelta(seconds=1),
            ended_at=now + timedelta(seconds=2),
            databases=(database,),
            trees=(tree,),
        )
        self.case.write_evidence("freeze", freeze)
        self.case.write_evidence("comparison", comparison)

    def tell(self, *words: str) -> None:
        """Say something to the host's supervisor."""
        supervisorctl = image.path() / "bin" / "supervisorctl"
        self.place.run(supervisorctl, "-c", self.place.path(CONFIGURATION), *words)

    def checks(self, *areas: str, authority: Path | None = None) -> dict[str, Check]:
        """
        Run the named files of the suite as the suite itself is run, and return their checks by id.

        Args:
            authority: PEM; taken for the site's own, instead of the one in the outputs.
        """
        report = self.workspace.root / "report.xml"
        report.unlink(missing_ok=True)
        files = [str(suite_folder() / f"test_site_{area}.py") for area in areas]
        words = ["--tenant", TENANT, "--environment", "prod", "--attempt", ATTEMPT]
        env = dict(os.environ)
        if authority:
            words += ["-p", "tests.support.own_authority"]
            env.update(PYTHONPATH=str(CHECKOUT), OWN_AUTHORITY=str(authority))
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *files, *words, "--junit-xml", str(report)],
            cwd=self.workspace.root,
            env=env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        assert done.returncode in (0, 1), done.stdout
        return {check.id: check for check in read_report(report)}


@contextmanager
def golive_site(folder: Path) -> Iterator[GoLiveSite]:
    """Stand it up, the interface held and converted; take all of it away at the end."""
    with ExitStack() as stack:
        workspace = local_workspace(folder, TENANT)
        (folder / "artifact" / "run").write_text(APPLICATION)
        legacy = stack.enter_context(private_host("old", folder))
        control = legacy.folder / "meds"
        control.write_text(CONNECTOR.format(python=sys.executable))
        control.chmod(0o755)
        described = manifest(TENANT)
        host = {"name": "old", "ssh_config": "old/etc/ssh_config", "ssh_alias": "old"}
        described["legacy"]["hosts"] = [host]
        described["legacy"]["files"] = [{"name": "documents", "host": "old", "path": "documents"}]
        described["interfaces"] = [{"name": "meds", "kind": "https", "host": "old", "control": "meds"}]
        described["access"] = ACCESS
        (folder / "accounts-token").write_text("a-token-that-may-read\n")
        (folder / "accounts-token").chmod(0o600)
        (folder / "stacks" / f"{TENANT}.yaml").write_text(yaml.safe_dump(described, sort_keys=False))
        site = GoLiveSite(workspace, legacy)
        stack.enter_context(temporary(site.stack)).up()
        with site.context() as ctx:
            connector = site.connector(ctx.hosts)
            connector.hold()
            connector.repoint(ctx.hosts.site())
        site.write_evidence()
        yield site


@contextmanager
def kept(path: Path) -> Iterator[Path]:
    """Give a file or folder that is changed; put it back as it was, its mode and owner too."""
    kept_at = path.with_name(f".kept-{secrets.token_hex(4)}-{path.name}")
    subprocess.run(["cp", "-a", path, kept_at], check=True)
    try:
        yield path
    finally:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        kept_at.rename(path)
