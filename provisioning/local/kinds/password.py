"""
A random password.

Promise: 32 letters and digits from the operating system's generator; it needs no quoting anywhere,
and it never changes as long as the resource lives.
"""

import secrets
import string

from provisioning.local.plugin.glue import Inputs, Kind, State

_LENGTH = 32  # of 62 characters: 190 bits


class PasswordInputs(Inputs):
    """Nothing to say."""


class PasswordKind(Kind[PasswordInputs]):
    token = "bascule:local:Password"  # noqa: S105
    secret = frozenset({"value"})

    def create(self, inputs: PasswordInputs) -> tuple[str, State]:
        letters = string.ascii_letters + string.digits
        return secrets.token_hex(8), {"value": "".join(secrets.choice(letters) for _ in range(_LENGTH))}

    def read(self, inputs: PasswordInputs, state: State) -> State:
        return {}  # it exists nowhere but in the state

    def update(self, inputs: PasswordInputs, state: State) -> State:
        return {}

    def delete(self, inputs: PasswordInputs, state: State) -> None:
        return None
