"""The certificate authorities in the environment, and the options by which Java trusts them."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509

#: OpenSSL, Python and curl find a bundle of authorities by these variables. Java does not read them.
VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def find_bundle() -> Path | None:
    """Return the bundle of certificate authorities that the environment names, None when it names none."""
    return next((path for name in VARIABLES if (path := Path(os.environ.get(name, ""))).is_file()), None)


def java_options(folder: Path) -> str:
    """Write a trust store to `folder`; return the Java options that use it, empty without a bundle.

    Many company networks sign TLS certificates with their own authority, which a Java from a wheel does not trust.
    """
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

    if (bundle := find_bundle()) is None:
        return ""
    named = [pkcs12.PKCS12Certificate(found, str(number).encode()) for number, found in enumerate(_authorities(bundle))]
    # Java requires a password for a store. Its content is public.
    password = secrets.token_hex(8)
    store = folder / "authorities.p12"
    store.write_bytes(pkcs12.serialize_java_truststore(named, BestAvailableEncryption(password.encode())))
    options = {"trustStore": store, "trustStoreType": "PKCS12", "trustStorePassword": password}
    return " ".join(f"-Djavax.net.ssl.{name}={value}" for name, value in options.items())


def _authorities(bundle: Path) -> Iterator[x509.Certificate]:
    """Yield the certificates of a PEM file, without invalid ones: bundles have a few of them."""
    from cryptography import x509

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for block in re.findall(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", bundle.read_bytes(), re.S):
            with contextlib.suppress(ValueError):
                yield x509.load_pem_x509_certificate(block)
