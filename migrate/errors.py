"""
The migration's branch of the error tree (`provisioning.errors` draws the root).

    MigrationError
    ├── PlaybookError        a playbook file is wrong
    ├── Refused              asked for something that may not be done now (a held lock, a closed window)
    ├── GateError            a document is unsigned, signed by the wrong person, or changed after signing
    ├── ConnectionFailed     a host cannot be reached, or is not the one that was pinned
    ├── RunStopped           a phase ended with a failure; says what was put back and what was not
    ├── Undecided            it cannot be told whether the point of no return was passed
    ├── FreezeError          legacy could not be frozen or unfrozen, or its lease ran out
    ├── TransferError        data or files could not be moved
    ├── ComparisonError      the comparison could not be made
    ├── DifferenceError      it was made, and source and target differ
    ├── InterfaceError       an interface could not be held, repointed or released
    ├── VerificationError    the go-live suite did not pass, so the door stays closed
    ├── WorkbookError        a configuration workbook or a file of figures has faults, or was not loaded
    ├── BillingError         the billing system did not take what it was told
    └── EvidenceError        evidence or the dossier was changed, or is missing or stale

    Waiting is no failure: the run has come to a point where a person must act.

Promise: each says what failed, what state things are in and what to type next; none holds a secret.
"""

from provisioning.errors import BasculeError


class MigrationError(BasculeError):
    """Something in a migration failed."""


class PlaybookError(MigrationError): ...


class Refused(MigrationError): ...  # noqa: N818 - reads as what it is


class GateError(MigrationError): ...


class ConnectionFailed(MigrationError): ...  # noqa: N818 - ConnectionError is a builtin


class RunStopped(MigrationError): ...  # noqa: N818 - reads as what it is


class Undecided(MigrationError):  # noqa: N818 - reads as what it is
    """
    Raised by the step that is the point of no return when it may or may not have taken effect.

    Nothing is put back then, since users may be at work on the site: the next run repeats the step.
    Any other error of that step says that it has made sure of the contrary (the door is closed), so
    the run falls back.
    """


class FreezeError(MigrationError): ...


class TransferError(MigrationError): ...


class ComparisonError(MigrationError): ...


class DifferenceError(MigrationError): ...


class InterfaceError(MigrationError): ...


class VerificationError(MigrationError): ...


class WorkbookError(MigrationError): ...


class BillingError(MigrationError): ...


class EvidenceError(MigrationError): ...


class Waiting(Exception):  # noqa: N818 - not an error
    """
    The run stops here until a person has acted; nothing failed.

    Args:
        what: What is waited for, and from whom.
        next_step: The command that this person types.
    """

    def __init__(self, what: str, *, next_step: str) -> None:
        super().__init__(what)
        self.what = what
        self.next_step = next_step
