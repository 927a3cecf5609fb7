"""
The demo tenant's workspace: manifest, template, application, and what the customer fills in.

    python -m examples.fieldpro.prepare FOLDER

Promise: nothing is started; repeating it changes nothing that stands. The week in which the deployment begins
is this one, so that its deadlines lie ahead.
"""

import argparse
import re
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from migrate.case import write_whole
from provisioning.workspace import Workspace

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
TENANT = "rivage"
RESPONSIBLE = "mariama.ndiaye@rivage.example"
OFFICER = "claire.morel@fieldvendor.example"


def prepare(folder: Path, *, endpoint: str, ca: str, secret: str, begins_on: date | None = None) -> Workspace:
    """
    Lay the workspace out.

    Args:
        endpoint: Where the vendor's billing system takes events; `ca` is the PEM of its authority.
        secret: The key that events are signed with, ``whsec_…``.
        begins_on: The first day of week 1, by default this week's Monday.
    """
    workspace = Workspace(folder.resolve())
    workspace.root.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(REPOSITORY / "Pulumi.yaml", workspace.root / "Pulumi.yaml")
    for name in ("provisioning", "fabfile.py"):
        if not (workspace.root / name).is_symlink():
            (workspace.root / name).symlink_to(REPOSITORY / name)
    workspace.prepare()
    for source, target in (
        (HERE / "stacks", workspace.stacks),
        (HERE / "templates", workspace.root / "templates"),
        (HERE / "app", workspace.root / "artifacts" / "visites"),
    ):
        if not target.exists():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    secrets = workspace.state / "secrets"
    secrets.mkdir(mode=0o700, exist_ok=True)
    write_whole(secrets / "billing", (secret + "\n").encode())
    (secrets / "billing").chmod(0o600)
    write_whole(secrets / "billing-ca.pem", ca.encode())
    _adapt(workspace, endpoint, begins_on or _monday())
    return workspace


def _monday() -> date:
    today = datetime.now(UTC).date()
    return today - timedelta(days=today.weekday())


def _adapt(workspace: Workspace, endpoint: str, begins_on: date) -> None:
    """Put this machine's billing system and the present week in the place of the example's."""
    path = workspace.stacks / f"{TENANT}.yaml"
    text = re.sub(r"^# yaml-language-server:.*\n", "", path.read_text(encoding="utf-8"))
    text = re.sub(r"begins_on: .*", f"begins_on: {begins_on}", text)
    text = re.sub(r"endpoint: .*", f"endpoint: {endpoint}", text)
    if "ca_file:" not in text:
        text = text.replace("  secret_file:", "  ca_file: .state/secrets/billing-ca.pem\n  secret_file:")
    write_whole(path, text.encode())


def main() -> None:
    """Prepare the folder that the argument names; its billing system is one that nobody runs."""
    parser = argparse.ArgumentParser(description="Make the workspace of the demo tenant of fieldpro.")
    parser.add_argument("folder", type=Path)
    words = parser.parse_args()
    secret = "whsec_" + "A" * 32
    workspace = prepare(words.folder, endpoint="https://127.0.0.1:9/events", ca="", secret=secret)
    print(f"{workspace.root}: fab run --tenant {TENANT}")


if __name__ == "__main__":
    main()
