"""
What resources on a host have in common: files with known content, and a service kept up.

Promise: a changed file is named by its path, a service that does not answer by its name; both are
put back by an update.
"""

import os
from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from provisioning.local.place import Files, Place
from provisioning.local.plugin.glue import Inputs, Kind, State
from provisioning.local.supervisor import Service, Supervisor


class HostedInputs(Inputs):
    """Base of what a program declares about something on a host."""

    host: str
    """The host's folder, absolute: output `folder` of the Host."""

    @property
    def place(self) -> Place:
        return Place(Path(self.host))


H = TypeVar("H", bound=HostedInputs)


def put_whole(place: Place, folder: str, make: Callable[[str], None]) -> None:
    """
    Have `make` fill a folder of another name, then give it its own.

    Half of a server's data are so never taken for all, and two attempts never work on the same half.
    """
    fresh = f"{folder}.new-{os.getpid()}"
    place.remove(folder, *(left.name for left in place.folder.glob(f"{folder}.new-*")))
    make(fresh)
    place.run("mv", "-T", place.path(fresh), place.path(folder))


def not_answering(service: str | None) -> str:
    """Return what is told of a service that gives no session, given what its supervisor says."""
    return service if service and service != "running" else "not answering"


class Hosted(Kind[H], Generic[H]):
    """Files and, if any, a service."""

    replaced_by = frozenset({"host"})

    @abstractmethod
    def files(self, inputs: H) -> Files:
        """Return the files that make it, but for the service's own."""

    def service(self, inputs: H) -> Service | None:
        """Return what is kept up, if anything."""
        return None

    def facts(self, inputs: H) -> State:
        service = self.service(inputs)
        files = {**self.files(inputs), **(service.files(inputs.place) if service else {})}
        digests = {name: file.digest for name, file in files.items()}
        return {"files": digests, "services": {service.name: "running"}} if service else {"files": digests}

    def observe(self, inputs: H) -> State:
        """Return the facts as they are."""
        seen: State = {"files": inputs.place.observe(self.facts(inputs)["files"])}
        if service := self.service(inputs):
            seen["services"] = {service.name: Supervisor(inputs.place).observe(service)}
        return seen

    def settle(self, inputs: H, *, restart: bool = False) -> None:
        """Write the files, and have the service run with them."""
        changed = inputs.place.write(self.files(inputs))
        if service := self.service(inputs):
            Supervisor(inputs.place).ensure(service, restart=restart or changed)

    def clear(self, inputs: H) -> None:
        """Stop the service and take all files away."""
        if not inputs.place.exists:
            return
        if service := self.service(inputs):
            Supervisor(inputs.place).remove(service.name)
        inputs.place.remove(*self.files(inputs))
