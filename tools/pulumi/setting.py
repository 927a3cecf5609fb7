"""
What every way to an engine needs to know, and how a way says that it leads nowhere here.

Promise: nothing here touches the machine; the same setting can be made for a test's own folders.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from provisioning.errors import EngineError

VERSION = "3.259.0"
"""The one engine version of this checkout; ``go.mod`` here and ``pyproject.toml`` pin the same."""

RELEASES = "https://get.pulumi.com/releases/sdk"
"""Where the official archives and their checksums are published."""


class EngineUnavailableError(EngineError):
    """No way led to an engine on this machine; the text names each way and what answered."""


class EngineTamperedError(EngineError):
    """What was downloaded is not what its publisher says it is. Never a reason to try another way."""


class WayClosedError(Exception):
    """
    One way leads nowhere on this machine; the next one may.

    Args:
        answer: What answered, for the person who reads of it.
        is_definite: Somebody said no, so asking again within the day would only cost time.
    """

    def __init__(self, answer: str, *, is_definite: bool) -> None:
        super().__init__(answer)
        self.answer = answer
        self.is_definite = is_definite


def default_cache() -> Path:
    """Engines are kept once a user, whatever the number of checkouts."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "bascule" / "pulumi"


def _no_go() -> None:
    raise WayClosedError("no `go` of 1.21 or newer on PATH", is_definite=False)


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One checkout on one machine."""

    checkout: Path
    """Nothing inside it counts as an engine: it holds our own wrapper and the tests' double."""
    venv: Path
    cache: Path = field(default_factory=default_cache)
    releases: str = field(default_factory=lambda: os.environ.get("BASCULE_PULUMI_RELEASES", RELEASES))
    """Base URL of archives and checksums."""
    search_path: str = field(default_factory=lambda: os.environ.get("PATH", os.defpath))
    install_go: Callable[[], None] = field(default=_no_go)
    """Brings a `go` of 1.21 or newer onto the usual paths; a `WayClosedError` says why it cannot."""
    connect_timeout_seconds: float = 5.0
    read_timeout_seconds: float = 60.0
    say: Callable[[str], None] = print

    @property
    def link(self) -> Path:
        """What the product runs: ``<venv>/pulumi-engine``, a link into the cache."""
        return self.venv / "pulumi-engine"

    @property
    def source(self) -> Path:
        """The folder of ``go.mod`` and of the language host."""
        return self.checkout / "tools" / "pulumi"


def version_of(words: str) -> tuple[int, ...] | None:
    """Return the numbers in what ``pulumi version`` said (``v3.259.0``), or None if it is not one."""
    numbers = words.strip().removeprefix("v").split("-")[0].split("+")[0].split(".")
    return tuple(int(number) for number in numbers) if all(number.isdigit() for number in numbers) else None
