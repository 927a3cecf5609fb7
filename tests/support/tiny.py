"""
A tiny process for the tests of runs: real playbook, journal and DBOS; steps that only leave a trace.

Promise: each step does what `orders` tells it, in turn: ``fail``, ``wait``, ``die`` (kill -9 half-way),
``die-after`` (kill -9 when all is done but the return), ``hang`` (until the file ``go`` appears),
``break`` (a plain defect), ``undecided``; without an order it goes well.

``python -m tests.support.tiny WORKSPACE [PHASE]`` runs the tenant in a process of its own.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from invoke.exceptions import Exit

import migrate.step
import migrate.steps
from migrate import run
from migrate.case import Case
from migrate.errors import TransferError, Undecided, Waiting
from migrate.new_tenant import Answers, write_tenant
from migrate.progress import PlainScreen
from migrate.step import Act, Result, StepContext, step
from migrate.tasks.edge import for_a_person
from migrate.waiting import wait_until
from provisioning.workspace import Workspace
from tests.support.clock import SUMMER_NOON

TENANT = "alpenblick"
RESPONSIBLE = "r.mueller@alpenblick.example"
OFFER = b"One move, 100 francs\n"

PLAYBOOK = """\
name: tiny
title: A tiny process
phases:
  - name: preparation
    command: prepare
    title: Preparation
    summary: Until the offer is signed.
    steps:
      - step: write-offer
      - gate: confirm-offer
        title: The customer confirms
        document: offer.txt
        signer: responsible
      - step: deploy-site
        with: {environment: test}
      - step: bill-epdoc
        when: {module: epdoc}
  - name: realisation
    command: cutover
    title: Realisation
    summary: The move.
    protected: true
    steps:
      - step: check-window
      - step: hold-interfaces
      - step: freeze-legacy
      - step: copy-databases
      - step: compare-content
      - step: open-door
        point_of_no_return: true
      - step: release-interfaces
  - name: start
    command: conclude
    title: Start
    summary: The end.
    steps:
      - step: hand-over
"""


WAY_BACK = (
    PLAYBOOK.replace("      - step: open-door", "      - step: arm-way-back\n      - step: open-door")
    + """\
  - name: rollback
    command: rollback
    title: Rollback
    summary: Back to legacy, with every write.
    protected: true
    on_request: true
    needs: way-back
    reopens: realisation
    steps:
      - step: close-door
      - step: reopen-legacy
        point_of_no_return: true
      - step: release-interfaces
        with: {to: legacy}
  - name: finalize
    command: finalize
    title: Finalize
    summary: The way back is given up.
    on_request: true
    needs: way-back
    steps:
      - step: end-replication
"""
)
"""The same, with a way back."""


class Tiny:
    """A workspace with one tenant that follows the tiny process."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def make(cls, root: Path) -> "Tiny":
        (root / "playbooks").mkdir(parents=True)
        (root / "stacks").mkdir()
        (root / "Pulumi.yaml").write_text("name: bascule\nruntime: python\n")
        (root / "playbooks/tiny.yaml").write_text(PLAYBOOK)
        answers = Answers(
            tenant=TENANT,
            display_name="Pflegeheim Alpenblick",
            site_name="alpenblick.care.example",
            responsible_name="Rösli Müller",
            responsible_email=RESPONSIBLE,
            technical_name="Urs Frei",
            technical_email="it@alpenblick.example",
            playbook="tiny",
        )
        write_tenant(Workspace(root), answers, SUMMER_NOON)
        return cls(root)

    @property
    def case(self) -> Case:
        return Case.of(Workspace(self.root), TENANT)

    def order(self, **orders: list[str]) -> None:
        """Tell steps what to do; ``copy_databases=["fail"]``, ``undo_freeze_legacy=["fail"]``."""
        plain = {name.replace("_", "-").replace("undo-", "undo "): turns for name, turns in orders.items()}
        (self.root / "orders.json").write_text(json.dumps(plain))

    def next_order(self, name: str) -> str:
        path = self.root / "orders.json"
        orders = json.loads(path.read_text()) if path.exists() else {}
        order: str = orders[name].pop(0) if orders.get(name) else ""
        path.write_text(json.dumps(orders))
        return order

    def note(self, line: str) -> None:
        with (self.root / "trace").open("a") as file:
            file.write(line + "\n")

    def trace(self) -> list[str]:
        """What the steps did, in order; each time it is asked, only what is new since."""
        path = self.root / "trace"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines

    # In this process ----------------------------------------------------------------------------

    def run(self, only: str | None = None, accepted_by: str | None = None) -> None:
        with own_steps():
            run.run(self.case, PlainScreen(sys.stdout), only=only, accepted_by=accepted_by)

    # In a process of its own --------------------------------------------------------------------

    def start(self, only: str = "") -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.support.tiny", str(self.root), only]
        return subprocess.Popen(
            command,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=Path(__file__).parents[2],
        )

    def spawn(self, only: str = "") -> tuple[int, str]:
        """Run to the end of the process; return its status (-9 when it was killed) and what it said."""
        process = self.start(only)
        said, _ = process.communicate(timeout=60)
        return process.returncode, said

    # People ---------------------------------------------------------------------------------------

    def key(self, name: str, line: str) -> Path:
        """Make a key and let `allowed_signers` list it; `line` is what stands before the key there."""
        path = self.root / f"{name}.key"
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path), "-C", name]
        subprocess.run(command, check=True)
        public = path.with_suffix(".key.pub").read_text().split()
        with (self.root / "stacks/allowed_signers").open("a") as file:
            file.write(f"{line} {public[0]} {public[1]}\n" if line else "")
        return path

    def signed(self) -> "Tiny":
        """Write the offer and sign it, so that nothing waits for a person."""
        key = self.key("responsible", f'{RESPONSIBLE} namespaces="bascule"')
        sign_plainly(self.case.write_document("offer.txt", OFFER), key)
        return self

    def kinds(self, *kinds: str) -> list[str]:
        """Return the journal's records of these kinds, as ``kind about``."""
        return [f"{record.kind} {record.about}" for record in self.case.journal if record.kind in kinds]


def sign_plainly(document: Path, key: Path, namespace: str = "bascule") -> None:
    """Sign as anybody can, without Bascule."""
    signature = document.with_name(document.name + ".sig")
    signature.unlink(missing_ok=True)
    command = ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", str(key), str(document)]
    subprocess.run(command, check=True, capture_output=True)


@contextmanager
def own_steps() -> Iterator[None]:
    """Let the tiny steps be the only ones."""
    registry, load_all = migrate.step._registry, migrate.steps.load_all
    migrate.step._registry = {}
    migrate.steps.load_all = lambda: None
    try:
        _register()
        yield
    finally:
        migrate.step._registry, migrate.steps.load_all = registry, load_all


def _register() -> None:
    for name in ("bill-epdoc", "check-window", "compare-content", "hand-over"):
        step(name)(_act(name))
    for name in ("reopen-legacy", "end-replication"):
        step(name, changes=True)(_act(name))
    for name in ("arm-way-back", "close-door"):
        step(name, undo=_act(f"undo {name}"))(_act(name))
    step("deploy-site", changes=True)(_act("deploy-site"))
    step("open-door", changes=True)(_act("open-door"))
    step("release-interfaces", changes=True)(_act("release-interfaces"))
    for name in ("hold-interfaces", "copy-databases"):
        step(name, undo=_act(f"undo {name}"))(_act(name))
    step("freeze-legacy", undo=_act("undo freeze-legacy"), keep_alive=_lease)(_act("freeze-legacy"))

    @step("write-offer")
    def write_offer(ctx: StepContext) -> Result:
        """Write an offer."""
        ctx.case.write_document("offer.txt", OFFER)
        return _act("write-offer")(ctx)


@contextmanager
def _lease(ctx: StepContext) -> Iterator[None]:
    tiny = Tiny(ctx.case.workspace.root)
    if tiny.next_order("lease"):
        raise TransferError("the legacy host does not answer")
    tiny.note("lease kept")
    yield
    tiny.note("lease let go")


def _act(name: str) -> Act:
    def act(ctx: StepContext) -> Result:
        tiny = Tiny(ctx.case.workspace.root)
        order = tiny.next_order(name)
        match order:
            case "fail":
                tiny.note(f"half {name}")
                raise TransferError(f"{name} failed as it was told")
            case "undecided":
                raise Undecided(f"{name} cannot tell")
            case "break":
                raise KeyError("a defect")
            case "wait":
                raise Waiting(f"{name} waits for Anna", next_step="fab ask-anna")
            case "die":
                tiny.note(f"half {name}")
                os.kill(os.getpid(), signal.SIGKILL)
            case "hang":
                tiny.note(f"hanging in {name}")
                wait_until((tiny.root / "go").exists, deadline_seconds=30, pace_seconds=0.02)
        tiny.note(name + "".join(f" {value}" for value in ctx.params.values()))
        if order == "die-after":
            os.kill(os.getpid(), signal.SIGKILL)
        return {"attempt": ctx.attempt}

    act.__doc__ = f"Do {name}."
    return act


def main() -> None:
    """The process that `Tiny.start` starts."""
    tiny, only = Tiny(Path(sys.argv[1])), sys.argv[2] or None
    try:
        with for_a_person():
            tiny.run(only)
    except Exit as end:
        print(end.message)
        sys.exit(end.code)


if __name__ == "__main__":
    main()
