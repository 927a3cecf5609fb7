"""
An SSH key pair (ed25519): a host's own, or what logs in to one.

Promise: the private key is in OpenSSH's form, unencrypted, and only ever a secret.
"""

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from provisioning.local.plugin.glue import Inputs, Kind, State


class SshKeyInputs(Inputs):
    comment: str = ""


class SshKeyKind(Kind[SshKeyInputs]):
    token = "bascule:local:SshKey"  # noqa: S105
    secret = frozenset({"private_key"})
    replaced_by = frozenset({"comment"})

    def create(self, inputs: SshKeyInputs) -> tuple[str, State]:
        key = Ed25519PrivateKey.generate()
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )
        public = key.public_key().public_bytes(
            serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
        )
        line = f"{public.decode()} {inputs.comment}".strip()
        return line.split()[1][-16:], {"private_key": private.decode(), "public_key": line}

    def read(self, inputs: SshKeyInputs, state: State) -> State:
        return {}  # it exists nowhere but in the state; hosts that hold it look for themselves

    def update(self, inputs: SshKeyInputs, state: State) -> State:
        return {}

    def delete(self, inputs: SshKeyInputs, state: State) -> None:
        return None
