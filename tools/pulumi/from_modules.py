"""
Third way: built from the public Go modules that ``go.mod`` here pins.

Promise: the work tree is not written to (the build happens in the cache); what comes out tells the
pinned version; a module that is not what ``go.sum`` says ends the build. The module set holds no Python
language host, so ours is laid beside it, with the two executables of the Python SDK that stand in the
``sdk/v3`` module.
"""

import errno
import os
import re
import shutil
import subprocess
from pathlib import Path

from tools.pulumi.setting import VERSION, EngineTamperedError, Setting, WayClosedError

ENGINE_PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
SDK_MODULE = "github.com/pulumi/pulumi/sdk/v3"
SDK_SCRIPTS = ("python/cmd/pulumi-language-python-exec", "python/dist/pulumi-resource-pulumi-python")
USUAL_FOLDERS = ("/usr/local/go/bin", "/usr/bin")
"""Where Go's own instructions put it, often not on root's PATH, and where a distribution does."""


def build(setting: Setting, folder: Path) -> None:
    """
    Build the engine into `folder` (existing, empty) and lay the SDK's two executables beside it.

    Raises:
        WayClosedError: No Go here, the modules are refused or out of reach, or it does not compile.
        EngineTamperedError: A module is not the one whose sum is committed.
    """
    places = os.pathsep.join([setting.search_path, *USUAL_FOLDERS])
    go = shutil.which("go", path=places)
    if go is None:
        setting.install_go()
        go = shutil.which("go", path=places)
    if go is None:
        raise WayClosedError("no `go` on PATH, though it was installed", is_definite=False)
    modules = folder / "modules"
    modules.mkdir()
    for pins in ("go.mod", "go.sum"):
        shutil.copy(setting.source / pins, modules)
    mode = "-mod=readonly"
    setting.say(f"building Pulumi {VERSION} from its Go modules, some minutes")
    version = f"-X {SDK_MODULE}/go/common/version.Version=v{VERSION}"
    _go(go, modules, "build", mode, "-trimpath", "-ldflags", version, "-o", "../pulumi", ENGINE_PACKAGE)
    sdk = Path(_go(go, modules, "list", mode, "-m", "-f", "{{.Dir}}", SDK_MODULE).strip())
    for script in SDK_SCRIPTS:
        shutil.copy(sdk / script, folder)
        (folder / Path(script).name).chmod(0o755)
    shutil.rmtree(modules)


def _go(go: str, folder: Path, *words: str) -> str:
    # No C compiler is asked for; the workspace file of somebody's Go project is none of ours.
    env = os.environ | {"CGO_ENABLED": "0", "GOWORK": "off"}
    # Some distributions' Go takes its own version only, unless it is told otherwise.
    env.setdefault("GOTOOLCHAIN", "auto")
    done = subprocess.run([go, *words], cwd=folder, env=env, text=True, capture_output=True, check=False)
    if done.returncode != 0:
        if "no space left on device" in done.stderr:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
        lines = [line.strip() for line in done.stderr.strip().splitlines() if line.strip()]
        if "SECURITY ERROR" in done.stderr:
            raise EngineTamperedError(
                "a Go module is not what tools/pulumi/go.sum says:\n  " + "\n  ".join(lines[:4]),
                state="Nothing of it was built.",
                next_step="find out who changed it (a proxy on the way?) before `make setup ENGINE=retry`",
            )
        refusals = [line for line in lines if re.search(r"\b(401|403|404|410|451) ", line)]
        answer = (refusals or lines or [f"go {words[0]} ended with {done.returncode}"])[-1]
        raise WayClosedError(answer, is_definite=bool(refusals))
    return done.stdout
