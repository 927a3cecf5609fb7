"""
The door of a site: whether users get in.

Promise: flipped whole, by the rename of one link, and valid from the next request on; whoever flips
it by hand is found by `read`.
"""

import json

from pydantic import AwareDatetime, Field

from provisioning.door_page import form, later
from provisioning.door_state import DoorState
from provisioning.local.kinds.host import script
from provisioning.local.kinds.hosted import Hosted, HostedInputs
from provisioning.local.place import File, Files
from provisioning.local.plugin.glue import State

COMMAND = "bin/door"
_FORMS = "etc/door.json"
_STYLE = (
    "<style>body{font:1.1rem/1.6 system-ui,sans-serif;max-width:32rem;margin:20vh auto;padding:0 1.5rem;"
    "color:#1c2733}h1{font-size:1.6rem;line-height:1.2}p{color:#4a5866}</style>"
)


class DoorInputs(HostedInputs):
    state: DoorState
    reason: str = Field(default="", max_length=300)
    """Shown to users while the door is not open."""
    language: str = "en"
    """Of the page that they read then."""
    opens: AwareDatetime | None = None
    """By when it is to be open, shown where there is no reason."""


class DoorKind(Hosted[DoorInputs]):
    token = "bascule:local:Door"  # noqa: S105

    def files(self, inputs: DoorInputs) -> Files:
        states: tuple[DoorState, ...] = ("closed", "suspended")
        forms = {state: form(state, inputs.language, _STYLE) for state in states}
        told = json.dumps({**forms, "later": later(inputs.language, inputs.opens)}, ensure_ascii=False)
        return {COMMAND: script("door", inputs.place.folder), _FORMS: File(told)}

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
