"""
Secrets of a stack, encrypted with its passphrase in the engine's own format.

Promise: nothing is decrypted with a wrong passphrase: the salt carries a proof, checked first.
Format: ``v1:<salt>:v1:<nonce>:<text>``, PBKDF2-SHA256 with a million rounds, AES-256-GCM.
"""

import base64
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
        self._aead = AESGCM(hashlib.pbkdf2_hmac("sha256", passphrase.encode(), salt, _ROUNDS, 32))

    def encrypt(self, text: str) -> str:
        nonce = os.urandom(12)
        return f"v1:{_b64(nonce)}:{_b64(self._aead.encrypt(nonce, text.encode(), None))}"

    def decrypt(self, text: str) -> str:
        _, nonce, body = text.split(":")
        return self._aead.decrypt(base64.b64decode(nonce), base64.b64decode(body), None).decode()


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
