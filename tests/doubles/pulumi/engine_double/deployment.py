"""
One deployment: what the state was, what it is now, and the providers that carry it out.

Promise: the checkpoint on disk is whole after every step, so a killed deployment loses at most the
outcome of the steps it was in, and those are named in it as pending operations.
"""

import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Any

from engine_double import NotToldOfError
from engine_double.crypto import Crypter
from engine_double.display import Display
from engine_double.plugin import Provider
from engine_double.process import PluginProcess
from engine_double.project import Project
from engine_double.state import Backend, Checkpoint, Resource
from engine_double.values import Properties, secret

Config = dict[str, tuple[str, bool]]


class Deployment:
    """Shared by all steps; every method may be called from any thread."""

    def __init__(
        self, project: Project, backend: Backend, stack: str, config: Config, crypter: Crypter,
        checkpoint: Checkpoint, display: Display, *, dry_run: bool,
    ) -> None:  # fmt: skip
        self.project = project
        self.stack = stack
        self.config = config
        self.display = display
        self.dry_run = dry_run
        self.counts: Counter[str] = Counter()
        self.drifted = 0
        self.address = ""
        """Of the monitor and the engine, once they are served."""
        self.stopped = threading.Event()
        """Set when something failed or a person interrupted: no further step is begun."""
        self.interrupted = threading.Event()
        """Set as well when a person interrupted: the program is ended too."""
        self.refusal: NotToldOfError | None = None
        self.old = {r.urn: replace(r) for r in checkpoint.resources if not r.delete}
        self.new: dict[str, Resource] = {}
        self.trash = [replace(r) for r in checkpoint.resources if r.delete]
        self._backend = backend
        self._crypter = crypter
        self._pending = list(checkpoint.pending)
        self._lock = threading.RLock()
        self._providers: dict[str, tuple[Properties, Provider]] = {}

    # --- what is known -------------------------------------------------------------------------------

    def urn(self, parent: str, type_: str, name: str) -> str:
        above = parent.split("::")[2] if parent else ""
        chain = "" if not above or above == "pulumi:pulumi:Stack" else f"{above}$"
        return f"urn:pulumi:{self.stack}::{self.project.name}::{chain}{type_}::{name}"

    def checkpoint(self) -> Checkpoint:
        with self._lock:
            left = [r for urn, r in self.old.items() if urn not in self.new]
            return Checkpoint([*self.new.values(), *self.trash, *left], list(self._pending))

    # --- what changes --------------------------------------------------------------------------------

    def keep(self, resource: Resource) -> None:
        """Take a resource into the new state."""
        with self._lock:
            self.new[resource.urn] = resource
            self.save()

    def drop(self, resource: Resource) -> None:
        """Forget a deleted resource."""
        with self._lock:
            self.trash = [r for r in self.trash if r is not resource]
            if self.old.get(resource.urn) is resource:
                del self.old[resource.urn]
            self.save()

    def discard(self, resource: Resource) -> None:
        """Put a replaced resource among those to be deleted at the end."""
        with self._lock:
            self.old.pop(resource.urn, None)
            self.trash.append(replace(resource, delete=True))

    def save(self) -> None:
        if not self.dry_run:
            with self._lock:
                self._backend.save(self.stack, self.checkpoint(), self._crypter)

    @contextmanager
    def operation(self, kind: str, resource: Resource) -> Iterator[None]:
        """Record that a provider is at work on `resource`, until it answers."""
        entry = {"resource": asdict(resource), "type": kind}
        with self._lock:
            self._pending.append(entry)
            self.save()
        try:
            yield
        finally:
            with self._lock:
                self._pending.remove(entry)
                self.save()

    def forget_pending(self) -> list[dict[str, Any]]:
        """Return what an earlier, killed update left unfinished, and forget it."""
        with self._lock:
            pending, self._pending = self._pending, []
            return pending

    # --- what goes wrong -----------------------------------------------------------------------------

    def fail(self, text: str, urn: str = "") -> None:
        self.display.error(text, urn)
        self.stopped.set()

    def refuse(self, refusal: NotToldOfError) -> None:
        self.refusal = self.refusal or refusal
        self.stopped.set()

    def interrupt(self, by: str) -> None:
        """End in order: steps at work are waited for, providers asked to hurry, no other step is begun."""
        self.interrupted.set()
        self.fail(f"interrupted by {by}; the steps at work are waited for")
        self.cancel_providers()

    # --- providers -----------------------------------------------------------------------------------

    def provider(self, reference: str, type_: str) -> tuple[str, Provider]:
        """Return the provider that `reference` (``urn::id``) names, else the default one of the package."""
        with self._lock:
            if not reference:
                resource = self._default_provider(type_.split(":")[0])
            else:
                urn = reference.rpartition("::")[0]
                resource = self.new.get(urn) or self.old[urn]
            return f"{resource.urn}::{resource.id}", self.running(resource)

    def running(self, resource: Resource) -> Provider:
        """Return the process of one provider resource, started and configured."""
        with self._lock:
            known = self._providers.get(resource.urn)
            if known and known[0] == resource.inputs:
                return known[1]
            package = resource.type.split(":")[-1]
            if package not in self.project.providers:
                raise NotToldOfError(f"a provider {package}: Pulumi.yaml names no plugin of it")
            command = self.project.providers[package] / f"pulumi-resource-{package}"
            process = PluginProcess(
                command, self.address, self.project.main, {"PULUMI_PROJECT": self.project.name}
            )
            if known:
                known[1].process.close()
            provider = Provider(process, self.address)
            self._providers[resource.urn] = (resource.inputs, provider)
            provider.configure(resource.urn, resource.id, resource.inputs)
            return provider

    def cancel_providers(self) -> None:
        for _, provider in list(self._providers.values()):
            provider.cancel()

    def close_providers(self) -> None:
        for _, provider in self._providers.values():
            provider.process.close()
        self._providers.clear()

    def _default_provider(self, package: str) -> Resource:
        """Return the resource of a package's default provider: its configuration is the stack's."""
        urn = self.urn("", f"pulumi:providers:{package}", "default")
        if urn not in self.new:
            inputs: Properties = {
                key.removeprefix(f"{package}:"): secret(value) if hidden else value
                for key, (value, hidden) in self.config.items()
                if key.startswith(f"{package}:")
            }
            old = self.old.get(urn)
            id_ = old.id if old else str(uuid.uuid4())
            self.keep(Resource(urn, f"pulumi:providers:{package}", True, id_, inputs, dict(inputs)))
        return self.new[urn]
