"""
First way: the ``pulumi`` that this machine's owner installed.

Promise: it is used as it is and never changed; one that is too old, of another major version or
without its Python language host is left alone, with the reason.
"""

import os
import shutil
import subprocess
from pathlib import Path

from tools.pulumi.setting import VERSION, Setting, WayClosedError, version_of

PARTS = ("pulumi", "pulumi-language-python", "pulumi-language-python-exec", "pulumi-resource-pulumi-python")


def find(setting: Setting) -> dict[str, Path]:
    """
    Return the parts of a usable engine on PATH by their names; the first two are always among them.

    Raises:
        WayClosedError: There is none, or none that can be used.
    """
    refused = []
    for folder in setting.search_path.split(os.pathsep):
        candidate = Path(folder or ".") / "pulumi"
        if not os.access(candidate, os.X_OK) or candidate.is_dir():
            continue
        real = candidate.resolve()
        # The checkout holds our own `pulumi` wrapper and the tests' double of the engine.
        if real.is_relative_to(setting.checkout.resolve()) or folder == str(setting.venv / "bin"):
            continue
        try:
            return _parts(setting, candidate)
        except WayClosedError as closed:
            refused.append(closed.answer)
    raise WayClosedError("; ".join(refused) or "there is none", is_definite=True)


def _parts(setting: Setting, engine: Path) -> dict[str, Path]:
    try:
        said = subprocess.run(
            [str(engine), "version"], text=True, capture_output=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise WayClosedError(f"{engine} does not run: {error}", is_definite=True) from error
    version, pinned = version_of(said.stdout), version_of(VERSION)
    if said.returncode != 0 or version is None or pinned is None:
        raise WayClosedError(f"{engine} does not tell its version", is_definite=True)
    if version[0] != pinned[0] or version < pinned:
        raise WayClosedError(f"{engine} is {said.stdout.strip()}, v{VERSION} is needed", is_definite=True)
    # The engine itself looks beside its own file first, then on PATH.
    where = os.pathsep.join([str(engine.parent), str(engine.resolve().parent), setting.search_path])
    found = {name: shutil.which(name, path=where) for name in PARTS[1:]}
    if found["pulumi-language-python"] is None:
        raise WayClosedError(f"{engine} stands without pulumi-language-python", is_definite=True)
    return {"pulumi": engine} | {name: Path(path) for name, path in found.items() if path}
