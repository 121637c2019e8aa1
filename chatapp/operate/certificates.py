"""The TLS certificate: the operator's, or a self-signed one for the names of this computer."""

from __future__ import annotations

import ipaddress
import logging
import re
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from chatapp.system import clock, files
from chatapp.system.startup import CannotStart

log = logging.getLogger("chatapp.certificates")

LIFE = timedelta(days=398)  # browsers accept no longer one (CA/Browser Forum, Baseline Requirements 6.3.2)
RENEWED = timedelta(days=30)  # before it expires
_BACKDATED = timedelta(days=1)  # for devices whose clocks are slow
_NAME = re.compile(r"[a-z0-9_][a-z0-9_.-]{0,252}")


@dataclass(frozen=True, slots=True)
class _Found:
    """A certificate whose key matches it."""

    certificate: x509.Certificate
    state: tuple[int, ...]  # of the files; it changes when they are written


class Https:
    """TLS with a certificate and a key from two files, or one; reloads them when they change."""

    def __init__(self, certificate: Path, key: Path, names: Iterable[str] | None = None) -> None:
        """Load the files. With ``names``, create and renew a self-signed certificate for them. Raise CannotStart."""
        self._paths = (certificate, key)
        self._names = None if names is None else _subjects(names)
        # TLS 1.2 and 1.3 with Python's default ciphers.
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.set_alpn_protocols(["http/1.1"])
        self._renew()
        self._use(self._read())

    @property
    def fingerprint(self) -> str:
        """Return the SHA-256 fingerprint of the certificate as browsers show it."""
        return self._found.certificate.fingerprint(hashes.SHA256()).hex(":").upper()

    def refresh(self) -> None:
        """Renew a self-signed certificate in time, and reload files that were renewed; never raise.

        A pair that does not match is tried again at the next call: two files cannot be replaced at the same moment.
        """
        try:
            self._renew()
            if _state(*self._paths) != self._found.state:
                before = self.fingerprint
                self._use(self._read())
                if self.fingerprint != before:
                    log.info("certificate renewed", extra={"sha256": self.fingerprint})
        except (CannotStart, OSError) as error:
            log.warning("certificate kept as it was: %s", error)

    def _use(self, found: _Found) -> None:
        try:
            # The key has no passphrase; without this, OpenSSL could still prompt for one on the terminal.
            self.context.load_cert_chain(*self._paths, password="")
        except ssl.SSLError as error:
            raise CannotStart(f"The certificate {self._paths[0]} cannot be used: {error.reason}.") from error
        self._found = found

    def _renew(self) -> None:
        if self._names is None:
            return
        try:
            certificate = self._read().certificate
            if certificate.not_valid_after_utc - _now() > RENEWED and self._names <= _names_of(certificate):
                return
        except CannotStart:
            pass  # missing or unusable
        path = self._paths[0]
        try:
            with files.part_of(path) as part:
                part.write_bytes(_issue(self._names))
                files.hand_over(part, path.parent)
                files.put(part, path)
        except OSError as error:
            raise CannotStart(f"Cannot write the certificate {path}: {error.strerror}.") from error

    def _read(self) -> _Found:
        """Return the certificate if it is valid today. Raise CannotStart."""
        path, key_path = self._paths
        try:
            state, pem, key_pem = _state(path, key_path), path.read_bytes(), key_path.read_bytes()
        except OSError as error:
            raise CannotStart(f"Cannot read {error.filename}: {error.strerror}.") from error
        try:
            certificate = x509.load_pem_x509_certificates(pem)[0]
            public = _public(certificate.public_key())
        except (ValueError, UnsupportedAlgorithm) as error:
            raise CannotStart(f"There is no certificate in PEM form in {path}.") from error
        if public != _public_half(key_pem, key_path):
            raise CannotStart(f"The key in {key_path} does not match the first certificate in {path}.")
        if not certificate.not_valid_before_utc <= _now() < certificate.not_valid_after_utc:
            begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
            raise CannotStart(f"The certificate {path} is only valid from {begin:%Y-%m-%d} to {end:%Y-%m-%d}.")
        return _Found(certificate, state)


def self_signed(database: Path, names: Iterable[str]) -> Https:
    """Return TLS with a self-signed certificate, kept beside the database. Raise CannotStart."""
    database = files.real(database)
    path = database.with_name(f"{database.name}.tls.pem")
    return Https(path, path, names)


def _public_half(pem: bytes, path: Path) -> bytes:
    try:
        return _public(serialization.load_pem_private_key(pem, password=None).public_key())
    except TypeError as error:
        raise CannotStart(
            f"The key in {path} has a passphrase. Write one without it: openssl pkey -in {path} -out new.key"
        ) from error
    except (ValueError, UnsupportedAlgorithm, AttributeError) as error:
        raise CannotStart(f"There is no private key in PEM form in {path}.") from error


def _public(key: object) -> bytes:
    found: bytes = key.public_bytes(  # type: ignore[attr-defined]  # of a dozen classes without a common ancestor
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return found


def _state(*paths: Path) -> tuple[int, ...]:
    return tuple(fact for path in paths for fact in (path.stat().st_mtime_ns, path.stat().st_ino, path.stat().st_size))


def _now() -> datetime:
    return datetime.fromtimestamp(clock.unix_time(), UTC)


def _subjects(names: Iterable[str]) -> frozenset[x509.GeneralName]:
    """Return names and addresses as subjects of a certificate, without those that cannot be."""
    found: set[x509.GeneralName] = set()
    for name in names:
        plain = name.partition("%")[0].rstrip(".").lower()
        try:
            found.add(x509.IPAddress(ipaddress.ip_address(plain)))
        except ValueError:
            if _NAME.fullmatch(plain):
                found.add(x509.DNSName(plain))
    return frozenset(found)


def _names_of(certificate: x509.Certificate) -> frozenset[x509.GeneralName]:
    try:
        return frozenset(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        return frozenset()


def _issue(names: frozenset[x509.GeneralName]) -> bytes:
    """Return a new key and its self-signed certificate in PEM form."""
    key = ec.generate_private_key(ec.SECP256R1())
    ordered = sorted(names, key=lambda name: (isinstance(name, x509.IPAddress), str(name.value)))
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "chatapp")])
    begin = _now() - _BACKDATED
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.SubjectAlternativeName(ordered), False),
        (x509.BasicConstraints(ca=False, path_length=None), True),  # a stolen key cannot vouch for other sites
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
    ]
    serial = x509.random_serial_number()
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), serial, begin, begin + LIFE)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
