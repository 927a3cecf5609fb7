"""
The ``pulumi`` command of this project: the engine, with the workspace's state and passphrase.

Promise: the CLI that set-up found or built is used (``<venv>/pulumi-engine/pulumi``), with the state
and passphrase of the workspace unless the caller's environment names others. Imports no models, since
whoever types ``pulumi`` waits for it.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from provisioning.errors import EngineError, WorkspaceError
from provisioning.workspace import Workspace

ENGINE_FOLDER = Path(sys.prefix) / "pulumi-engine"
"""Written by set-up: a link to the folder of the engine and its language host."""


def environment(workspace: Workspace) -> dict[str, str]:
    """Return the process environment in which ``pulumi`` finds its state, passphrase and Python."""
    workspace.prepare()
    env = dict(os.environ)
    env.setdefault("PULUMI_BACKEND_URL", f"file://{workspace.state / 'pulumi'}")
    if "PULUMI_CONFIG_PASSPHRASE" not in env:
        env.setdefault("PULUMI_CONFIG_PASSPHRASE_FILE", str(workspace.passphrase_file))
    env["PATH"] = os.pathsep.join([str(ENGINE_FOLDER), str(Path(sys.prefix) / "bin"), env.get("PATH", "")])
    env["PULUMI_SKIP_UPDATE_CHECK"] = "true"
    env["BASCULE_WORKSPACE"] = str(workspace.root)
    return env


def executable() -> Path:
    """
    Return the engine's path: what ``BASCULE_PULUMI`` names, else what set-up found or built.

    Raises:
        EngineError: Set-up has not run.
    """
    named = os.environ.get("BASCULE_PULUMI")
    path = Path(named) if named else ENGINE_FOLDER / "pulumi"
    if not path.exists():
        raise EngineError(f"no Pulumi engine at {path}", next_step="make setup")
    return path


def main(argv: Sequence[str] | None = None) -> None:
    """The ``pulumi`` on this project's PATH: the engine with the workspace's state and passphrase."""
    words = list(sys.argv[1:] if argv is None else argv)
    start = None
    for position, word in enumerate(words):
        if word in ("-C", "--cwd") and position + 1 < len(words):
            start = Path(words[position + 1])
        elif word.startswith("--cwd="):
            start = Path(word.removeprefix("--cwd="))
    try:
        try:
            env = environment(Workspace.find(start or Path.cwd()))
        except WorkspaceError:
            env = dict(os.environ)  # such as `pulumi version` outside any workspace
        engine = str(executable())
    except EngineError as error:
        sys.exit(str(error))
    os.execve(engine, [engine, *words], env)  # noqa: S606 - replaced by the engine itself
