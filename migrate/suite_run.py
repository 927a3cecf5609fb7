"""
The go-live suite as a process: started, perhaps ahead of time, told to go, and waited for.

Promise: it gets nothing of the operator's pytest settings; one that was started ahead does all its
connecting before it is told to go, and ends by itself when whoever started it is gone.
"""

import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import migrate
from migrate.case import Case
from migrate.errors import VerificationError
from provisioning.manifest import Environment

SUITE_TIMEOUT_SECONDS = 600

Part = Literal["all", "before", "final"]
"""before: what can be proved while legacy is still at work. final: what only the move itself can show."""


def suite_folder() -> Path:
    """
    Return where the go-live suite lies: in the installed package, or in the work tree beside it.

    Raises:
        VerificationError: It is in neither place, so nothing could be verified.
    """
    package = Path(migrate.__file__).parent
    for folder in (package / "golive", package.parent / "tests" / "golive"):
        if (folder / "pytest.ini").is_file():
            return folder
    raise VerificationError(
        "the go-live suite is not installed", next_step="install Bascule again; tests/golive belongs to it"
    )


@dataclass(frozen=True)
class Ran:
    """What a run of the suite left. `checklist` is what it set out to check, a ``file test`` each."""

    status: int
    output: str
    report: Path
    """JUnit XML; there until the run is closed."""
    checklist: list[str]


class SuiteRun:
    """One run of the suite (a context manager); it begins at once, or when it is told to."""

    def __init__(
        self,
        case: Case,
        environment: Environment,
        attempt: str,
        part: Part = "all",
        *,
        suite: Path | None = None,
        ahead: bool = False,
    ) -> None:
        """
        Args:
            attempt: The move that this is part of; empty for a look by hand.
            suite: Another folder than the suite that ships, in its shape.
            ahead: Connect and wait for `go`.
        """
        self._case, self._environment, self._attempt = case, environment, attempt
        self._open = ExitStack()
        scratch = Path(self._open.enter_context(tempfile.TemporaryDirectory(prefix="bascule-golive-")))
        self._report, self._checklist = scratch / "report.xml", scratch / "checklist"
        folder = suite or suite_folder()
        command = [sys.executable, "-m", "pytest", str(folder), "-c", str(folder / "pytest.ini")]
        command += ["--tenant", case.manifest.tenant, "--environment", environment, "--part", part]
        command += ["--junit-xml", str(self._report), "--checklist", str(self._checklist)]
        if attempt:
            command += ["--attempt", attempt]
        told_by: int | None = None
        self._tell: int | None = None
        if ahead:
            told_by, self._tell = os.pipe()
        if told_by is not None:
            command += ["--told-by", str(told_by)]
        env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        env["BASCULE_WORKSPACE"] = str(case.workspace.root)
        # Into a file: one that waits for minutes must not wait for somebody to read what it says.
        self._output = scratch / "output"
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and suite
                command,
                cwd=case.workspace.root,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=() if told_by is None else (told_by,),
            )
        if told_by is not None:
            os.close(told_by)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def is_of(self) -> tuple[str, str]:
        """Attempt and environment that it was started for."""
        return self._attempt, self._environment

    def finish(self) -> Ran:
        """
        Tell it to go, if it waits, and wait for its end.

        Raises:
            VerificationError: It did not end in time.
        """
        if self._tell is not None:
            with suppress(BrokenPipeError):  # one that has ended already is told from its report
                os.write(self._tell, b"\n")
        try:
            status = self._process.wait(SUITE_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise VerificationError(
                f"the go-live suite did not end within {SUITE_TIMEOUT_SECONDS} s",
                state="The door stays closed.",
                next_step=f"fab verify --tenant {self._case.manifest.tenant}"
                f" --environment {self._environment}",
            ) from error
        listed = self._checklist.read_text().splitlines() if self._checklist.exists() else []
        return Ran(status, self._output.read_text(errors="replace"), self._report, listed)

    def close(self) -> None:
        """End it if it is still there, and remove what it wrote."""
        if self._tell is not None:
            os.close(self._tell)
            self._tell = None
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._open.close()
