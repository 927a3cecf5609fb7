"""
Whole migrations in tests: somebody who types `fab` in a workspace, and the people who sign and agree.

Promise: every command runs as a process of its own, in a session of its own; whatever was started here
is gone when its ``with`` block ends.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from migrate import waivers
from migrate.case import Case
from migrate.journal import Record
from migrate.waiting import wait_until
from provisioning.engine import Stack
from provisioning.workspace import Workspace

FAB = Path(sys.prefix) / "bin" / "fab"
LONGEST_SECONDS = 600
FAILED, WAITING, DIFFERS = 1, 3, 4
"""Exit statuses of `fab`, as `migrate.tasks.edge` tells them."""


@dataclass(frozen=True)
class Said:
    """How one command ended, and all that it printed."""

    code: int
    text: str


@dataclass(frozen=True)
class AtWork:
    """A `fab` command that is running, the only one of its process group."""

    process: subprocess.Popen[str]
    operator: "Operator"
    began_at: datetime

    def until(self, kind: str, about: str) -> Record:
        """Wait until the command has written such a record, and return it."""
        wait_until(
            lambda: bool(self.wrote(kind, about)) or self.process.poll() is not None,
            deadline_seconds=LONGEST_SECONDS,
            pace_seconds=0.02,
        )
        if not (found := self.wrote(kind, about)):
            if self.process.poll() is None:  # it hangs: its words come only when it ends
                self.signal(signal.SIGKILL)
            raise AssertionError(f"no {kind} {about} came:\n{self.ended().text}")
        return found[-1]

    def wrote(self, kind: str, about: str) -> list[Record]:
        """
        Return the journal's records since this command began.

        Args:
            about: ``freeze-legacy`` is also ``freeze-legacy:5``, the same step with a parameter.
        """
        return [
            record
            for record in self.operator.case.journal
            if record.at >= self.began_at and (record.kind, record.about.partition(":")[0]) == (kind, about)
        ]

    def signal(self, which: signal.Signals) -> None:
        """Send a signal to the command and to all that it started on this machine."""
        os.killpg(self.process.pid, which)

    def ended(self) -> Said:
        """Wait for its end."""
        text, _ = self.process.communicate(timeout=LONGEST_SECONDS)
        return Said(self.process.returncode, text)


@dataclass
class Operator:
    """Who carries one tenant on. `keys` are private keys, by the e-mail address of whom they belong to."""

    workspace: Workspace
    tenant: str
    keys: dict[str, Path]
    vendor: str
    """Address of somebody who signs for the vendor."""

    @property
    def case(self) -> Case:
        return Case.of(self.workspace, self.tenant)

    @property
    def responsible(self) -> str:
        return self.case.manifest.contacts.responsible.email

    @property
    def prod(self) -> Stack:
        return Stack(self.workspace, f"{self.tenant}-prod")

    @contextmanager
    def at_work(self, *words: str) -> Iterator[AtWork]:
        """Run a `fab` command while the block lasts; it and its children are ended afterwards."""
        # The journal counts in milliseconds.
        now = datetime.now(UTC)
        began_at = now.replace(microsecond=now.microsecond // 1000 * 1000)
        process = subprocess.Popen(
            [FAB, *words[:1], "--tenant", self.tenant, *words[1:]],
            cwd=self.workspace.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            yield AtWork(process, self, began_at)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                print(process.communicate()[0])  # how far it came, for whoever reads why a test failed

    def fab(self, *words: str) -> Said:
        """Run a `fab` command to its end."""
        with self.at_work(*words) as command:
            return command.ended()

    def carry_on(self, *, until: str = "", command: str = "run") -> Said:
        """
        Run `fab` again and again, doing what a person would, and return how it ended the last time.

        Args:
            until: A gate or step at which the person lets it wait.
        """
        while True:
            said = self.fab(command)
            if said.code != WAITING:
                return said
            record = self.case.journal.last("waiting")
            assert record is not None, said.text
            if record.about == until:
                return said
            self.do(record.about, str(record.data["what"]))

    def sign(self, gate: str, *, signer: str = "", key_of: str = "") -> Said:
        signer = signer or self.responsible
        return self.fab("sign", "--gate", gate, "--as", signer, "--key", str(self.keys[key_of or signer]))

    def prepare(self) -> None:
        """See that all is ready for the move, and that it may happen now."""
        if waivers.active(self.case, "window") is None:
            said = self.carry_on(until="check-window")
            assert said.code == WAITING, said.text
            self.do("check-window")

    def do(self, about: str, what: str = "") -> None:
        """Do what a run waits for, as the responsible person or the vendor's staff would."""
        said = Said(0, "")
        match about:
            case "record-request":
                said = self.fab("request")
            case "confirm-offer" | "accept-site":
                said = self.sign(about)
            case "agree-schedule":
                said = self.fab("schedule")
            case "check-window":
                expires = (datetime.now(UTC) + timedelta(hours=1)).isoformat(timespec="seconds")
                waiver = ["--what", "window", "--by", self.vendor, "--reason", "A test moves at any hour."]
                said = self.fab("waive", *waiver, "--expires", expires, "--key", str(self.keys[self.vendor]))
            case "write-settlement":
                for position in ("conversion", "training-online"):
                    if position in what and said.code == 0:
                        said = self.fab("hours", "--position", position, "--hours", "3", "--note", "Done")
            case _:
                raise AssertionError(f"nobody knows what to do about {about}: {what}")
        assert said.code == 0, said.text


def signing_keys(workspace: Workspace, responsible: str, vendor: str) -> dict[str, Path]:
    """Make a key for each of both, list them in ``allowed_signers``, and return the private ones."""
    folder = workspace.state / "keys"
    folder.mkdir(parents=True, mode=0o700)
    keys, lines = {}, []
    for email, principals in ((responsible, responsible), (vendor, f"vendor,{vendor}")):
        keys[email] = folder / email
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", email, "-f", str(keys[email])]
        subprocess.run(command, check=True)
        kind, key, _ = (folder / f"{email}.pub").read_text().split()
        lines.append(f'{principals} namespaces="bascule" {kind} {key}\n')
    (workspace.stacks / "allowed_signers").write_text("".join(lines))
    return keys


def eventually(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Require that something becomes true in time."""
    assert wait_until(holds, deadline_seconds=seconds)
