"""The signed envelope in which an agent gets its deployment specification.

`PKCS7/JSON`: a PEM PKCS #7 signed-data message with the JSON inside. The key and its self-signed
certificate are made for one run and never written to a disk by this module. RSA, because every agent in the
field can verify it.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID

FORMAT: Final = "PKCS7/JSON"
KEY_BITS: Final = 2048
VALID_DAYS: Final = 2
"""Longer than any run; a clock that is a day off does no harm."""


class EnvelopeSigner:
    """Signs specifications with a key of its own."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "drydeploy deployment specifications")])
        now = datetime.datetime.now(datetime.UTC)
        self._certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=VALID_DAYS))
            .not_valid_after(now + datetime.timedelta(days=VALID_DAYS))
            .sign(self._key, hashes.SHA256())
        )

    @property
    def certificate_pem(self) -> bytes:
        """The certificate against which an agent can verify."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def seal(self, specification: Mapping[str, Any]) -> str:
        """The specification as a PEM PKCS #7 message, content attached."""
        return (
            pkcs7.PKCS7SignatureBuilder()
            .set_data(json.dumps(specification).encode())
            .add_signer(self._certificate, self._key, hashes.SHA256())
            .sign(serialization.Encoding.PEM, [pkcs7.PKCS7Options.Binary])
            .decode("ascii")
        )
