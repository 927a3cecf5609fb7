"""
The Pulumi engine for this checkout: the first of three ways that leads to one.

1. ``pulumi`` on PATH, new enough and with its Python language host, used as it is;
2. the official release of the pinned version, checked against its published checksums;
3. built from the public Go modules, with our own Python language host.

Promise: ``<venv>/pulumi-engine`` ends as a link to a complete engine in the cache or not at all. The
cache is kept once a user and version, outside the work tree; whoever comes second waits for the
first. Where every way is closed, one error names each with what answered, and that is remembered.
"""

import argparse
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from provisioning.errors import BasculeError
from tools.pulumi import from_modules, on_path, release
from tools.pulumi.setting import (
    VERSION,
    EngineUnavailableError,
    Setting,
    WayClosedError,
    version_of,
)

REMEMBERED_SECONDS = {True: 24 * 3600, False: 600}
"""How long closed ways are taken as closed: a day when somebody said no, else ten minutes."""


@dataclass(frozen=True)
class Refusal:
    """That no way led to an engine, and since when."""

    asked_at: float
    answers: dict[str, str]
    is_definite: bool

    def text(self) -> str:
        """Each way and its answer, one a line."""
        ways = "\n".join(f"  {way}: {answer}" for way, answer in self.answers.items())
        return f"no way to Pulumi {VERSION} on this machine:\n{ways}"


def acquire(setting: Setting, *, again: bool = False) -> str | None:
    """
    See to it that this checkout has its engine.

    Args:
        setting: The checkout and the machine.
        again: Ask all ways afresh, whatever an earlier run found out.

    Returns:
        What was done, or None if everything stood already.

    Raises:
        EngineUnavailableError: Every way is closed.
        EngineTamperedError: A download is not what its publisher says.
    """
    if not again and is_usable(setting):
        return None
    with _only_one(setting):
        setting.link.unlink(missing_ok=True)  # of another version, or of a `pulumi` that has gone
        folder, done = _find_or_make(setting, again)
        fresh = setting.venv / f".pulumi-engine.{os.getpid()}"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(folder)
        fresh.rename(setting.link)
    return done


def is_usable(setting: Setting) -> bool:
    """Tell whether the linked engine is complete, of the right version and still what was linked."""
    try:
        origin = json.loads((setting.link / "origin.json").read_text())
    except (OSError, ValueError):
        return False
    if origin["version"] != VERSION or not os.access(setting.link / "pulumi", os.X_OK):
        return False
    if origin["way"] == "modules":
        return bool(origin["language_host"] == _language_host_digest(setting))
    return bool(origin["way"] == "release" or origin["engine"] == _fingerprint(setting.link / "pulumi"))


def last_refusal(setting: Setting) -> Refusal | None:
    """Return what closed every way last time, while that still counts."""
    try:
        refusal = Refusal(**json.loads(_refusal_file(setting).read_text()))
    except (OSError, ValueError, TypeError):
        return None
    age = time.time() - refusal.asked_at
    return refusal if 0 <= age < REMEMBERED_SECONDS[refusal.is_definite] else None


def _find_or_make(setting: Setting, again: bool) -> tuple[Path, str]:
    closed: dict[str, WayClosedError] = {}
    try:
        parts = on_path.find(setting)
        return _folder_of_links(setting, parts), f"{parts['pulumi']} of this machine"
    except WayClosedError as error:
        closed["pulumi on PATH"] = error

    refusal = last_refusal(setting)
    for way in ("release", "modules"):
        if (folder := setting.cache / f"{VERSION}-{way}").is_dir():
            return _complete(setting, folder), f"{VERSION} from the cache ({way})"
    if refusal and not again:
        raise _unavailable(refusal)

    for way, name, make in (
        ("release", "official release", release.fetch),
        ("modules", "public Go modules", from_modules.build),
    ):
        try:
            return _complete(setting, _make(setting, way, make)), f"{VERSION}, {name}"
        except WayClosedError as error:
            closed[name] = error
            setting.say(f"{name}: {error.answer}")
    asked = list(closed.values())[1:]
    refusal = Refusal(
        asked_at=time.time(),
        answers={name: error.answer for name, error in closed.items()},
        is_definite=any(error.is_definite for error in asked),
    )
    _refusal_file(setting).write_text(json.dumps(asdict(refusal)))
    raise _unavailable(refusal)


def _unavailable(refusal: Refusal) -> EngineUnavailableError:
    minutes = (time.time() - refusal.asked_at) / 60
    when = (
        "just now"
        if minutes < 1
        else f"{minutes:.0f} min ago"
        if minutes < 90
        else f"{minutes / 60:.0f} h ago"
    )
    return EngineUnavailableError(
        f"{refusal.text()}\n  (asked {when})",
        state="Sites cannot be stood up here; all else that set-up makes is in place.",
        next_step=f"install pulumi {VERSION} on PATH or open one of the ways, then `make setup ENGINE=retry`",
    )


def _make(setting: Setting, way: str, make: Callable[[Setting, Path], None]) -> Path:
    """Make an engine in a folder of its own and name it only when it is complete and runs."""
    for left_over in setting.cache.glob(".making-*"):  # of a run that was killed; we hold the lock
        shutil.rmtree(left_over)
    making = setting.cache / f".making-{way}"
    making.mkdir()
    try:
        make(setting, making)
        said = subprocess.run(
            [str(making / "pulumi"), "version"], text=True, capture_output=True, check=False
        )
        if version_of(said.stdout) != version_of(VERSION):
            raise WayClosedError(
                f"came out as {said.stdout.strip() or said.stderr.strip()}", is_definite=True
            )
        (making / "origin.json").write_text(json.dumps({"version": VERSION, "way": way}))
        return making.rename(setting.cache / f"{VERSION}-{way}")
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _complete(setting: Setting, folder: Path) -> Path:
    """
    Return `folder`, or for a built engine one beside it that also holds this checkout's language host.

    The language host belongs to the checkout, the built engine does not: two checkouts share the
    minutes of building and still run each its own.
    """
    if folder.name != f"{VERSION}-modules":
        return folder
    digest = _language_host_digest(setting)
    whole = setting.cache / f"{folder.name}-{digest}"
    if whole.is_dir():
        return whole
    making = setting.cache / ".making-whole"
    shutil.rmtree(making, ignore_errors=True)
    shutil.copytree(folder, making, copy_function=os.link)
    shutil.copytree(setting.source / "language_host", making, dirs_exist_ok=True, ignore=_NOT_COPIED)
    (making / "origin.json").unlink()  # a link to the built engine's own
    origin = {"version": VERSION, "way": "modules", "language_host": digest}
    (making / "origin.json").write_text(json.dumps(origin))
    return making.rename(whole)


_NOT_COPIED = shutil.ignore_patterns("__pycache__", "*.md")


def _language_host_digest(setting: Setting) -> str:
    folder = setting.source / "language_host"
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            digest.update(f"{file.relative_to(folder)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:12]


def _folder_of_links(setting: Setting, parts: dict[str, Path]) -> Path:
    """Links to the machine's own engine, so that PATH gains these names only and not a whole folder."""
    folder = setting.cache / f"path-{hashlib.sha256(str(parts['pulumi']).encode()).hexdigest()[:12]}"
    folder.mkdir(exist_ok=True)
    for name in on_path.PARTS:
        (folder / name).unlink(missing_ok=True)
    for name, path in parts.items():
        (folder / name).symlink_to(path.absolute())
    origin = {"version": VERSION, "way": "path", "engine": _fingerprint(folder / "pulumi")}
    (folder / "origin.json").write_text(json.dumps(origin))
    return folder


def _fingerprint(executable: Path) -> list[int]:
    """What changes when the machine's owner puts another engine in this place."""
    stat = executable.stat()
    return [stat.st_ino, stat.st_size, stat.st_mtime_ns]


def _refusal_file(setting: Setting) -> Path:
    return setting.cache / f"{VERSION}-unavailable.json"


@contextmanager
def _only_one(setting: Setting) -> Iterator[None]:
    setting.cache.mkdir(parents=True, exist_ok=True)
    with (setting.cache / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            setting.say("another set-up of yours is at the engine; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> None:
    """``python -m tools.pulumi.acquire``: what ``make setup`` does for the engine, alone."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0] if __doc__ else None)
    parser.add_argument("--again", action="store_true", help="Ask all ways afresh.")
    words = parser.parse_args()
    checkout = Path(__file__).resolve().parents[2]
    try:
        done = acquire(Setting(checkout=checkout, venv=checkout / ".venv"), again=words.again)
    except BasculeError as error:
        sys.exit(str(error))
    print(done or "there already")


if __name__ == "__main__":
    main()
