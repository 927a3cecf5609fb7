"""
A site's certificate authority, and the certificates that it signs.

Promise: keys are P-256; a certificate names hosts and addresses as alternative names, and is renewed
by an update once less than 30 days are left of it.
"""

import ipaddress
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from provisioning.local.plugin.glue import Inputs, Kind, State

_AUTHORITY_LIFE = timedelta(days=3650)
_LIFE = timedelta(days=397)  # longer is refused by browsers
_RENEWED_WITHIN = timedelta(days=30)
_CLOCKS_DIFFER = timedelta(days=1)  # a legacy server an hour behind must trust a site of today


def _pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


class AuthorityInputs(Inputs):
    common_name: str


class AuthorityKind(Kind[AuthorityInputs]):
    token = "bascule:local:CertificateAuthority"  # noqa: S105
    secret = frozenset({"private_key"})
    replaced_by = frozenset({"common_name"})

    def create(self, inputs: AuthorityInputs) -> tuple[str, State]:
        key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(_name(inputs.common_name))
            .issuer_name(_name(inputs.common_name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _CLOCKS_DIFFER)
            .not_valid_after(now + _AUTHORITY_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        outputs = {
            "certificate": certificate.public_bytes(serialization.Encoding.PEM).decode(),
            "private_key": _pem(key),
        }
        return f"{certificate.serial_number:x}", outputs

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
        certificate = x509.load_pem_x509_certificate(state["certificate"].encode())
        left = certificate.not_valid_after_utc - datetime.now(UTC)
        return {"due_for_renewal": left < _RENEWED_WITHIN}

    def update(self, inputs: CertificateInputs, state: State) -> State:
        key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        authority = x509.load_pem_x509_certificate(inputs.authority.encode())
        authority_key = serialization.load_pem_private_key(inputs.authority_key.encode(), None)
        assert isinstance(authority_key, ec.EllipticCurvePrivateKey)  # noqa: S101 - our own authority's
        public = authority_key.public_key()
        certificate = (
            x509.CertificateBuilder()
            .subject_name(_name(inputs.names[0]))
            .issuer_name(authority.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _CLOCKS_DIFFER)
            .not_valid_after(now + _LIFE)
            .add_extension(
                x509.SubjectAlternativeName([_alternative(n) for n in inputs.names]), critical=False
            )
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
            .sign(authority_key, hashes.SHA256())
        )
        return {
            "certificate": certificate.public_bytes(serialization.Encoding.PEM).decode(),
            "private_key": _pem(key),
        }

    def delete(self, inputs: CertificateInputs, state: State) -> None:
        return None


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
