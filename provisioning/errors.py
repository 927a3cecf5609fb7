"""
Every error that Bascule tells a person: one tree, drawn here.

    BasculeError                     what failed, where things stand now, what to type next
    ├── ManifestError                a tenant's manifest is wrong (all faults at once)
    ├── WorkspaceError               this folder is not, or not completely, a workspace
    ├── EngineError                  the Pulumi engine is missing or refused a command
    ├── SiteError                    a site cannot be stood up or is not as its outputs say
    └── migrate.errors.MigrationError and all below it

Promise: the text of a `BasculeError` can be shown as it is, without a traceback, and holds no secret.
"""


class BasculeError(Exception):
    """
    Something that a person must know.

    Args:
        what: What failed and on which host, one or more plain sentences.
        state: What state everything is in now (is legacy writable, is the site open?).
        next_step: The one command to type next, or what to change.
    """

    def __init__(self, what: str, *, state: str = "", next_step: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.state = state
        self.next_step = next_step

    def __str__(self) -> str:
        lines = [self.what]
        if self.state:
            lines.append(self.state)
        if self.next_step:
            lines.append(f"Next: {self.next_step}")
        return "\n".join(lines)


class ManifestError(BasculeError):
    """A tenant's manifest cannot be used."""


class WorkspaceError(BasculeError):
    """The folder that holds stacks and state is missing or incomplete."""


class EngineError(BasculeError):
    """The Pulumi engine could not be run, or ended with a failure."""


class SiteError(BasculeError):
    """A site cannot be stood up, or is not as its outputs say."""
