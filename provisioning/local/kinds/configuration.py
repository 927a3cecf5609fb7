"""
What a site was configured from: the digest of the signed workbook that was loaded last.

Promise: never written here. Whoever loads a workbook leaves its digest on the host; a site that was
configured from another file than the stack names is drift, and an update refuses to gloss it over.
"""

import json

from pydantic import Field

from provisioning.configuration_mark import CONFIGURATION_MARK
from provisioning.errors import SiteError
from provisioning.local.kinds.hosted import HostedInputs
from provisioning.local.plugin.glue import Kind, State


class ConfigurationInputs(HostedInputs):
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class ConfigurationKind(Kind[ConfigurationInputs]):
    token = "bascule:local:Configuration"  # noqa: S105
    replaced_by = frozenset({"host"})

    def create(self, inputs: ConfigurationInputs) -> tuple[str, State]:
        return "configuration", self.update(inputs, {})

    def read(self, inputs: ConfigurationInputs, state: State) -> State | None:
        return {"sha256": _loaded(inputs)} if inputs.place.exists else None

    def update(self, inputs: ConfigurationInputs, state: State) -> State:
        if (loaded := _loaded(inputs)) != inputs.sha256:
            raise SiteError(
                f"{inputs.place.folder.name} is configured from {loaded[:12] or 'nothing'},"
                f" not from the workbook {inputs.sha256[:12]} that the stack names",
                state="The site is as it was.",
                next_step="fab reconfigure --tenant …, which loads the signed workbook",
            )
        return {}

    def delete(self, inputs: ConfigurationInputs, state: State) -> None:
        """Nothing: what was loaded stays loaded."""


def _loaded(inputs: ConfigurationInputs) -> str:
    mark = inputs.place.path(CONFIGURATION_MARK)
    try:
        return str(json.loads(mark.read_text())["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
