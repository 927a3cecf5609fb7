"""
A site's certificate authority, and the certificates that it signs.

Promise: keys are P-256; a certificate names hosts and addresses as alternative names, and is renewed
by an update once less than 30 days are left of it.
"""

from datetime import timedelta

from provisioning.certificates import Signed, life_left, new_authority, serial_number, sign_server
from provisioning.local.plugin.glue import Inputs, Kind, State

_AUTHORITY_LIFE = timedelta(days=3650)
_LIFE = timedelta(days=397)  # longer is refused by browsers
_RENEWED_WITHIN = timedelta(days=30)


class AuthorityInputs(Inputs):
    common_name: str


class AuthorityKind(Kind[AuthorityInputs]):
    token = "bascule:local:CertificateAuthority"  # noqa: S105
    secret = frozenset({"private_key"})
    replaced_by = frozenset({"common_name"})

    def create(self, inputs: AuthorityInputs) -> tuple[str, State]:
        made = new_authority(inputs.common_name, _AUTHORITY_LIFE)
        outputs = {"certificate": made.certificate, "private_key": made.private_key}
        return f"{serial_number(made.certificate):x}", outputs

    def read(self, inputs: AuthorityInputs, state: State) -> State:
        return {}  # it exists nowhere but in the state

    def update(self, inputs: AuthorityInputs, state: State) -> State:
        return {}

    def delete(self, inputs: AuthorityInputs, state: State) -> None:
        return None


class CertificateInputs(Inputs):
    authority: str
    """PEM of the authority's certificate."""
    authority_key: str
    """PEM of its private key; a secret."""
    names: tuple[str, ...]
    """Host names and addresses; the first is the common name."""


class CertificateKind(Kind[CertificateInputs]):
    token = "bascule:local:Certificate"  # noqa: S105
    secret = frozenset({"private_key", "authority_key"})
    renewed = frozenset({"certificate", "private_key"})

    def facts(self, inputs: CertificateInputs) -> State:
        return {"due_for_renewal": False}

    def create(self, inputs: CertificateInputs) -> tuple[str, State]:
        outputs = self.update(inputs, {})
        return inputs.names[0], outputs

    def read(self, inputs: CertificateInputs, state: State) -> State:
        return {"due_for_renewal": life_left(state["certificate"]) < _RENEWED_WITHIN}

    def update(self, inputs: CertificateInputs, state: State) -> State:
        made = sign_server(Signed(inputs.authority, inputs.authority_key), inputs.names, _LIFE)
        return {"certificate": made.certificate, "private_key": made.private_key}

    def delete(self, inputs: CertificateInputs, state: State) -> None:
        return None
