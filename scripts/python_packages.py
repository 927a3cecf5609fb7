"""
The Python packages of ``uv.lock`` in ``.venv``, by a pinned uv of our own.

Promise: exactly what is locked. A synchronisation that was killed half-way is done again from the
ground; one that was finished is not even looked into until a lock file or the Python changes.
"""

import hashlib
import os
import shutil
import sys
from pathlib import Path

from scripts.commands import run

UV = "0.13.9"
SYNC = ("sync", "--frozen", "--compile-bytecode")
"""Compiled once, here: a Python that may write no bytecode would compile every package at each start."""


def cache() -> Path:
    """Kept once a user, whatever the number of checkouts."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bascule"


def ensure_uv() -> tuple[Path, str | None]:
    """Return the pinned uv, and what was done to get it."""
    home = cache() / "uv" / UV
    if (home / "bin" / "uv").exists():
        return home / "bin" / "uv", None
    home.parent.mkdir(parents=True, exist_ok=True)
    making = home.with_name(f".making-{os.getpid()}")
    shutil.rmtree(making, ignore_errors=True)
    try:
        run("making an environment for uv", [sys.executable, "-m", "venv", making])
        run(
            f"installing uv {UV}",
            [making / "bin" / "pip", "install", "--quiet", "--retries", "1", f"uv=={UV}"],
        )
        if not home.exists():  # another checkout may have been faster
            making.rename(home)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return home / "bin" / "uv", f"uv {UV} installed"


def digest(checkout: Path) -> str:
    """What decides whether `.venv` is current."""
    whole = hashlib.sha256(f"{sys.version} {checkout} {' '.join(SYNC)}".encode())
    for name in ("pyproject.toml", "uv.lock"):
        whole.update((checkout / name).read_bytes())
    return whole.hexdigest()


def is_current(checkout: Path) -> bool:
    """Tell whether the last synchronisation was finished and was of these lock files."""
    stamp = checkout / ".venv" / "bascule-set-up.stamp"
    python = checkout / ".venv" / "bin" / "python"
    return os.access(python, os.X_OK) and stamp.is_file() and stamp.read_text() == digest(checkout)


def compile_own(checkout: Path) -> None:
    """Compile what changed of Bascule itself, as `SYNC` does packages: `fab` never writes bytecode."""
    words: list[str | Path] = [checkout / ".venv" / "bin" / "python", "-m", "compileall", "-q"]
    run("compiling bytecode", [*words, "provisioning", "migrate"], cwd=checkout)


def ensure(checkout: Path) -> str | None:
    """Bring ``.venv`` to what is locked; return what was done."""
    if is_current(checkout):
        return None
    venv = checkout / ".venv"
    stamp, begun = venv / "bascule-set-up.stamp", venv / "bascule-set-up.begun"
    uv, said = ensure_uv()
    env = {"UV_PROJECT_ENVIRONMENT": str(venv), "UV_PYTHON_DOWNLOADS": "never", "VIRTUAL_ENV": ""}
    if venv.exists() and not (
        os.access(venv / "bin" / "python", os.X_OK) and (venv / "pyvenv.cfg").is_file()
    ):
        shutil.rmtree(venv)  # of a killed run, or of a Python that has gone
    if not venv.exists():
        run("making .venv", [uv, "venv", "--quiet", "--python", sys.executable, venv], cwd=checkout, env=env)
    stamp.unlink(missing_ok=True)
    # uv takes a package for installed as soon as part of it is there.
    again = ["--reinstall"] if begun.exists() else []
    begun.touch()
    words: list[str | Path] = [uv, *SYNC, "--python", sys.executable, *again]
    run("synchronising Python packages", words, cwd=checkout, env=env)
    stamp.write_text(digest(checkout))
    begun.unlink()
    return "synchronised with uv.lock" + (f"; {said}" if said else "")
