"""
The door of a site: whether users get in.

Promise: flipped whole, by the rename of one link, and valid from the next request on; whoever flips
it by hand is found by `read`.
"""

import json

from pydantic import Field

from provisioning.door_state import DoorState
from provisioning.local.kinds.host import script
from provisioning.local.kinds.hosted import Hosted, HostedInputs
from provisioning.local.place import Files
from provisioning.local.plugin.glue import State

COMMAND = "bin/door"


class DoorInputs(HostedInputs):
    state: DoorState
    reason: str = Field(default="", max_length=300)
    """Shown to users while the door is not open, such as when it opens."""


class DoorKind(Hosted[DoorInputs]):
    token = "bascule:local:Door"  # noqa: S105

    def files(self, inputs: DoorInputs) -> Files:
        return {COMMAND: script("door", inputs.place.folder)}

    def create(self, inputs: DoorInputs) -> tuple[str, State]:
        return "door", self.update(inputs, {})

    def read(self, inputs: DoorInputs, state: State) -> State | None:
        if not inputs.place.path("run/door/now").exists():
            return None
        said = json.loads(inputs.place.path("run/door/now/state.json").read_text())
        return {**self.observe(inputs), "state": said["state"], "reason": said["reason"]}

    def update(self, inputs: DoorInputs, state: State) -> State:
        self.settle(inputs)
        inputs.place.run(inputs.place.path(COMMAND), inputs.state, inputs.reason)
        return {"command": COMMAND}

    def delete(self, inputs: DoorInputs, state: State) -> None:
        self.clear(inputs)
        inputs.place.remove("run/door")
