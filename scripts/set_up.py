"""
``make setup``: everything that a fresh machine lacks, each thing with how long it took.

Promise: what stands already is only looked at, and a second run says so within a second or two. Each
part is finished or not begun, so a run that was killed, had no network or filled the disk is
simply repeated.

Exit status: 0 all is there, 1 a part failed, 4 all is there but for the Pulumi engine.
"""

import argparse
import errno
import fcntl
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from provisioning.errors import BasculeError
from scripts import go_package, packages, postgres_servers, python_packages
from scripts.commands import disk_full, run
from tools.pulumi import acquire
from tools.pulumi.setting import EngineUnavailableError, Setting

CHECKOUT = Path(__file__).resolve().parent.parent
NO_ENGINE = 4


def host_image() -> str | None:
    """The system user (as root) and the Python environment of the local substrate's hosts."""
    began = time.time()
    python = CHECKOUT / ".venv" / "bin" / "python"
    uv, _ = python_packages.ensure_uv()
    env = {"PATH": f"{uv.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    words: list[str | Path] = [python, "-m", "provisioning.local.image"]
    image = Path(run("making the host image", words, cwd=CHECKOUT, env=env).strip())
    return str(image) if (image / "complete").stat().st_mtime >= began else None


def engine(*, again: bool) -> str | None:
    """The Pulumi engine, linked into ``.venv``."""
    venv = CHECKOUT / ".venv"
    setting = Setting(checkout=CHECKOUT, venv=venv, say=_say, install_go=go_package.ensure)
    return acquire.acquire(setting, again=again)


def _say(text: str) -> None:
    print(f"  {text}", flush=True)


def timed(name: str, part: Callable[[], str | None]) -> bool:
    """Run one part and print what it did; return whether it did anything."""
    began = time.monotonic()
    done = part()
    if done is None:
        return False
    lines = done.strip().splitlines() or ["done"]
    print(f"{name:16} {lines[-1]}  ({time.monotonic() - began:.1f} s)", flush=True)
    return True


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Two set-ups of one checkout wait for each other."""
    folder = os.open(CHECKOUT, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another set-up of this checkout is at work; waiting for it", flush=True)
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def set_up(*, wanted_engine: str, only_python: bool, for_tests: bool) -> int:
    """Do all parts in order; return the exit status."""
    began = time.monotonic()
    parts: list[tuple[str, Callable[[], str | None]]] = [
        ("system packages", packages.ensure),
        ("Python packages", lambda: python_packages.ensure(CHECKOUT)),
        ("host image", host_image),
    ]
    if for_tests:
        parts.append(("test servers", lambda: postgres_servers.ensure(CHECKOUT)))
    did = [timed(name, part) for name, part in (parts[1:2] if only_python else parts)]
    python_packages.compile_own(CHECKOUT)
    status = 0
    if not only_python and wanted_engine != "double":
        try:
            did.append(timed("Pulumi engine", lambda: engine(again=wanted_engine == "retry")))
        except EngineUnavailableError as error:
            print(f"{'Pulumi engine':16} NOT AVAILABLE: {error}", file=sys.stderr)
            status = 0 if wanted_engine == "optional" else NO_ENGINE
    seconds = time.monotonic() - began
    lacking = ", but for the Pulumi engine" if status == NO_ENGINE else ""
    print(f"{'set up' if any(did) else 'set up already'}{lacking} ({seconds:.1f} s)", flush=True)
    return status


def main() -> int:
    """Read the command line, do the work, tell what went wrong without a traceback."""
    parser = argparse.ArgumentParser(prog="scripts/setup", description="Set up what this checkout lacks.")
    parser.add_argument(
        "--engine",
        choices=("required", "optional", "double", "retry"),
        default="required",
        help="What to do about the Pulumi engine: required (status 4 if there is none), optional, "
        "double (the tests' double will be used), retry (ask again although it was refused of late).",
    )
    parser.add_argument("--only-python", action="store_true", help="Python packages alone, for `make check`.")
    parser.add_argument("--for-tests", action="store_true", help="Also what only tests need.")
    words = parser.parse_args()
    try:
        with one_at_a_time():
            return set_up(
                wanted_engine=words.engine, only_python=words.only_python, for_tests=words.for_tests
            )
    except BasculeError as error:
        print(error, file=sys.stderr)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        print(disk_full(str(error)), file=sys.stderr)
    except KeyboardInterrupt:
        print("\ninterrupted; make setup goes on from here", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
