"""
Fill the legacy host from outside, as its operator would: data over TLS, documents by rsync, connectors
by their own control command.

Promise: each may be repeated; secrets go by stdin or memory, never by argument.
"""

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from psycopg.conninfo import make_conninfo

from examples.alpenblick.documents import write_tree
from examples.alpenblick.generate import is_loaded, load
from provisioning.errors import SiteError
from provisioning.workspace import Workspace

CONNECTORS = ("medikamente", "labor")


def load_data(workspace: Workspace, outputs: dict[str, Any], *, scale: float, seed: int) -> None:
    """Make the schema and load the rows, in one transaction, unless that was done before."""
    database, ca = outputs["database"], workspace.state / "secrets" / "alpenblick-legacy-ca.pem"
    conninfo = make_conninfo(
        host=outputs["address"],
        port=int(database["port"]),
        dbname=database["name"],
        user=database["owner"]["name"],
        password=database["owner"]["password"],
        sslmode="verify-full",
        sslrootcert=str(ca),
    )
    if not is_loaded(conninfo):
        load(conninfo, database["application"]["name"], scale=scale, seed=seed)


def load_documents(ssh_config: Path, alias: str, *, scale: float, seed: int) -> None:
    """Make the tree of documents and copy it to the host's ``files``."""
    with tempfile.TemporaryDirectory(prefix="alpenblick-") as folder:
        tree = Path(folder, "files")
        tree.mkdir(mode=0o750)
        write_tree(tree, seed, scale)
        _run("rsync", "-rlpt", "-e", f"ssh -F '{ssh_config}'", f"{tree}/", f"{alias}:files/")


def start_connectors(ssh_config: Path, alias: str, outputs: dict[str, Any]) -> None:
    """Point each connector that points nowhere yet at the legacy system, and release it."""
    user = next(
        line.split()[1] for line in ssh_config.read_text().splitlines() if line.split()[:1] == ["User"]
    )
    destinations: dict[str, dict[str, Any]] = {
        "medikamente": {
            "kind": "https",
            "url": f"{outputs['url']}/interfaces/medikamente/messages",
            "token": outputs["interface_token"],
            "ca": outputs["ca"],
        },
        "labor": {
            "kind": "sftp",
            "host": outputs["address"],
            "port": int(outputs["ssh_port"]),
            "user": user,
            "known_hosts": outputs["ssh"]["known_hosts"],
            "inbox": outputs["interface_inbox"],
        },
    }
    for name in CONNECTORS:
        command = ("ssh", "-F", str(ssh_config), alias, f"connectors/{name}")
        status = json.loads(_run(*command, "status"))
        if len(status["destination"]) == 1:
            _run(*command, "repoint", give=json.dumps(destinations[name]))
            _run(*command, "release")


def _run(*command: str, give: str = "") -> str:
    done = subprocess.run(command, input=give, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()[-5:]
        raise SiteError(
            f"{command[0]} ended with {done.returncode} while the legacy host was filled:\n"
            + "\n".join(said),
            state="What was filled already stays; a repeat goes on from there.",
            next_step="mend the cause above, then repeat",
        )
    return done.stdout
