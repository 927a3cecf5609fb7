"""
Secrets of a stack, encrypted with its passphrase in the engine's own format.

Promise: nothing is decrypted with a wrong passphrase: the salt carries a proof, checked first.
Format: ``v1:<salt>:v1:<nonce>:<text>``, PBKDF2-SHA256 with a million rounds, AES-256-GCM.

A run of the tests names a folder of its own in ``BASCULE_DOUBLE_KEYS``: keys are kept there, since the
rounds take longer than most of what the double is asked for.
"""

import base64
import contextlib
import hashlib
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from engine_double import DoubleError

_ROUNDS = 1_000_000
_PROOF = "pulumi"


class Crypter:
    """Encrypts and decrypts the secrets of one stack."""

    def __init__(self, salt: bytes, passphrase: str) -> None:
        self._aead = AESGCM(_key(salt, passphrase))

    def encrypt(self, text: str) -> str:
        nonce = os.urandom(12)
        return f"v1:{_b64(nonce)}:{_b64(self._aead.encrypt(nonce, text.encode(), None))}"

    def decrypt(self, text: str) -> str:
        _, nonce, body = text.split(":")
        return self._aead.decrypt(base64.b64decode(nonce), base64.b64decode(body), None).decode()


def _key(salt: bytes, passphrase: str) -> bytes:
    kept = os.environ.get("BASCULE_DOUBLE_KEYS")
    file = Path(kept or os.devnull) / hashlib.sha256(salt + passphrase.encode()).hexdigest()
    with contextlib.suppress(OSError):  # not there yet, or not to be kept
        return file.read_bytes()
    key = hashlib.pbkdf2_hmac("sha256", passphrase.encode(), salt, _ROUNDS, 32)
    with contextlib.suppress(OSError):  # another user's folder, or none
        whole = file.with_name(f"{file.name}.{os.getpid()}")
        whole.write_bytes(key)
        whole.rename(file)
    return key


def passphrase() -> str:
    """Return what ``PULUMI_CONFIG_PASSPHRASE[_FILE]`` gives."""
    if "PULUMI_CONFIG_PASSPHRASE" in os.environ:
        return os.environ["PULUMI_CONFIG_PASSPHRASE"]
    file = os.environ.get("PULUMI_CONFIG_PASSPHRASE_FILE")
    if not file:
        raise DoubleError(
            "passphrase must be set with PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE"
            " environment variables"
        )
    try:
        return Path(file).read_text().strip()
    except OSError as error:
        raise DoubleError(f"unable to read PULUMI_CONFIG_PASSPHRASE_FILE: {error}") from error


def new_salt() -> tuple[str, Crypter]:
    """Return a fresh ``encryptionsalt`` and the crypter that belongs to it."""
    salt = os.urandom(8)
    crypter = Crypter(salt, passphrase())
    return f"v1:{_b64(salt)}:{crypter.encrypt(_PROOF)}", crypter


def open_salt(text: str) -> Crypter:
    """
    Return the crypter of an ``encryptionsalt``.

    Raises:
        DoubleError: The passphrase is not the one that the salt was made with.
    """
    _, salt, proof = text.split(":", 2)
    crypter = Crypter(base64.b64decode(salt), passphrase())
    try:
        right = crypter.decrypt(proof) == _PROOF
    except InvalidTag:
        right = False
    if not right:
        raise DoubleError(
            "incorrect passphrase; please set PULUMI_CONFIG_PASSPHRASE to the correct passphrase"
        )
    return crypter


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
