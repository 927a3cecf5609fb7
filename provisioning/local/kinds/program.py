"""
Any further program that a host's supervisor keeps up: an application, a connector, a workload.

Promise: its environment and files may hold secrets: they stand in files with mode 0600 or 0700, and
only their digests are facts in the state.
"""

from pydantic import Field

from provisioning.local.kinds.hosted import Hosted, HostedInputs
from provisioning.local.place import File, Files
from provisioning.local.plugin.glue import State
from provisioning.local.supervisor import Service


class ProgramInputs(HostedInputs):
    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    command: tuple[str, ...] = Field(min_length=1)
    directory: str = "."
    """Relative to the host's folder."""
    environment: dict[str, str] = Field(default_factory=dict)
    contents: dict[str, str] = Field(default_factory=dict)
    """Of files, by path relative to the host's folder; mode 0600."""
    ready: tuple[str, ...] = ()
    """What answers once it works: ``tcp:<address>:<port>``, ``unix:<path relative to the host's folder>``."""
    stop_signal: str = Field(default="TERM", pattern=r"^[A-Z0-9]+$")
    restarted_by: tuple[str, ...] = ()
    """Whatever these are: when one changes, the program is restarted. Such as a folder's digest."""


class ProgramKind(Hosted[ProgramInputs]):
    token = "bascule:local:Program"  # noqa: S105
    secret = frozenset({"environment", "contents"})
    replaced_by = frozenset({"host", "name"})

    def files(self, inputs: ProgramInputs) -> Files:
        return {path: File(content) for path, content in inputs.contents.items()}

    def service(self, inputs: ProgramInputs) -> Service:
        return Service(
            name=inputs.name,
            command=inputs.command,
            environment=inputs.environment,
            directory=inputs.directory,
            ready=inputs.ready,
            stop_signal=inputs.stop_signal,
        )

    def create(self, inputs: ProgramInputs) -> tuple[str, State]:
        self.settle(inputs)
        return inputs.name, {}

    def read(self, inputs: ProgramInputs, state: State) -> State | None:
        return self.observe(inputs) if inputs.place.exists else None

    def update(self, inputs: ProgramInputs, state: State) -> State:
        self.settle(inputs, restart=tuple(state.get("restarted_by", ())) != inputs.restarted_by)
        return {}

    def delete(self, inputs: ProgramInputs, state: State) -> None:
        self.clear(inputs)
