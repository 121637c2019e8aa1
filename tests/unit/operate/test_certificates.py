"""The server's certificate: what is in one of its own, when it is renewed, and what is said about bad files."""

from __future__ import annotations

import ipaddress
import logging
import os
import ssl
import stat
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID

from chatapp.operate.certificates import Https, self_signed
from chatapp.system import clock
from chatapp.system.startup import CannotStart

NAMES = ["nas", "nas.local", "localhost", "127.0.0.1", "::1", "192.168.1.20"]
DAY = 86_400


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "chat.db"


def made(database: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(database.with_name("chat.db.tls.pem").read_bytes())


def later(monkeypatch: pytest.MonkeyPatch, days: float) -> None:
    real = clock.time.time
    monkeypatch.setattr("time.time", lambda: real() + days * DAY)


def write_pair(folder: Path, name: str = "given", *, days: float = 90, begin: float = -1) -> tuple[Path, Path]:
    """Write a certificate and its key as an operator would get them."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    called = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder(called, called, key.public_key(), x509.random_serial_number())
        .not_valid_before(now + timedelta(days=begin))
        .not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    paths = folder / f"{name}.pem", folder / f"{name}.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(key_pem(key))
    return paths


def key_pem(key: ec.EllipticCurvePrivateKey, passphrase: bytes = b"") -> bytes:
    sealed = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealed)


def refusal(certificate: Path, key: Path) -> str:
    with pytest.raises(CannotStart) as refused:
        Https(certificate, key)
    sentence = str(refused.value)
    assert "\n" not in sentence
    return sentence


# One of the server's own


def test_it_is_for_a_server_of_these_names_and_for_nothing_else(database: Path) -> None:
    self_signed(database, NAMES)
    certificate = made(database)
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(found.get_values_for_type(x509.DNSName)) == {"nas", "nas.local", "localhost"}
    assert set(found.get_values_for_type(x509.IPAddress)) == set(map(ipaddress.ip_address, NAMES[3:]))
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.critical, constraints.value.ca) == (True, False)
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert isinstance(key.curve, ec.SECP256R1)


def test_it_lasts_as_long_as_browsers_allow_and_no_longer(database: Path) -> None:
    self_signed(database, NAMES)
    certificate, now = made(database), datetime.now(UTC)
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc <= timedelta(days=398)
    assert certificate.not_valid_after_utc - now > timedelta(days=390)
    assert certificate.not_valid_before_utc < now - timedelta(hours=1), "a device's clock may be slow"


@pytest.mark.skipif(sys.platform == "win32", reason="has other permissions")
def test_its_key_is_for_the_servers_eyes_only(database: Path) -> None:
    self_signed(database, NAMES)
    assert [(path.name, stat.S_IMODE(path.stat().st_mode)) for path in database.parent.iterdir()] == [
        ("chat.db.tls.pem", 0o600)
    ]


def test_names_that_no_certificate_can_hold_are_left_out(database: Path) -> None:
    self_signed(database, ["máy-bà", "", "two words", "a" * 300, "fe80::1%eth0", "NAS."])
    found = made(database).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in found] == ["nas", "fe80::1"]


def test_the_next_start_uses_it_again(database: Path) -> None:
    first = self_signed(database, NAMES).fingerprint
    assert self_signed(database, NAMES).fingerprint == first
    assert self_signed(database, NAMES[1:]).fingerprint == first, "a name less is no reason"


def test_a_new_name_or_address_of_the_computer_needs_a_new_one(database: Path) -> None:
    first = self_signed(database, NAMES).fingerprint
    assert self_signed(database, [*NAMES, "192.168.7.7"]).fingerprint != first


@pytest.mark.parametrize(("days", "renewed"), [(366, False), (368, True), (500, True)])
def test_it_is_renewed_a_month_before_its_end(
    database: Path, monkeypatch: pytest.MonkeyPatch, days: int, renewed: bool
) -> None:
    first = self_signed(database, NAMES).fingerprint
    later(monkeypatch, days)
    assert (self_signed(database, NAMES).fingerprint != first) == renewed


def test_it_is_renewed_while_the_server_runs(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    https = self_signed(database, NAMES)
    first = https.fingerprint
    https.refresh()
    assert https.fingerprint == first
    later(monkeypatch, 368)
    https.refresh()
    assert https.fingerprint != first
    assert https.fingerprint == made(database).fingerprint(hashes.SHA256()).hex(":").upper()


@pytest.mark.parametrize("content", [b"", b"Dear Sir or Madam", b"\xff\xfe\0"])
def test_a_spoiled_file_is_made_anew(database: Path, content: bytes) -> None:
    database.with_name("chat.db.tls.pem").write_bytes(content)
    self_signed(database, NAMES)
    made(database)


def test_a_folder_that_takes_no_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"Cannot write the certificate .*nowhere"):
        self_signed(tmp_path / "nowhere" / "chat.db", NAMES)


# The operator's


def test_a_given_pair_is_used_as_it_is(tmp_path: Path) -> None:
    paths = write_pair(tmp_path)
    before = [path.read_bytes() for path in paths]
    https = Https(*paths)
    assert https.context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert [path.read_bytes() for path in paths] == before


def test_certificate_and_key_may_be_in_one_file(tmp_path: Path) -> None:
    certificate, key = write_pair(tmp_path)
    both = tmp_path / "both.pem"
    both.write_bytes(key.read_bytes() + certificate.read_bytes())
    assert Https(both, both).fingerprint == Https(certificate, key).fingerprint


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    certificate, key = write_pair(tmp_path)
    assert refusal(tmp_path / "no.pem", key) == f"Cannot read {tmp_path / 'no.pem'}: No such file or directory."
    assert refusal(certificate, tmp_path / "no.key") == f"Cannot read {tmp_path / 'no.key'}: No such file or directory."
    assert "Is a directory" in refusal(tmp_path, key)


def test_a_file_that_holds_something_else_is_named(tmp_path: Path) -> None:
    certificate, key = write_pair(tmp_path)
    assert refusal(key, key) == f"There is no certificate in PEM form in {key}."
    assert refusal(certificate, certificate) == f"There is no private key in PEM form in {certificate}."
    letter = tmp_path / "letter"
    letter.write_text("Dear Sir or Madam")
    assert refusal(letter, key).startswith("There is no certificate")
    assert refusal(certificate, letter).startswith("There is no private key")


def test_a_key_that_does_not_fit_is_said_so(tmp_path: Path) -> None:
    certificate, _ = write_pair(tmp_path)
    _, other = write_pair(tmp_path, "other")
    assert refusal(certificate, other) == f"The key in {other} does not match the first certificate in {certificate}."
    strange = tmp_path / "strange.key"
    strange.write_bytes(
        ed25519.Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    assert "does not match" in refusal(certificate, strange)


def test_a_key_with_a_passphrase_is_said_so_and_nobody_is_asked_for_it(tmp_path: Path) -> None:
    certificate, key = write_pair(tmp_path)
    opened = serialization.load_pem_private_key(key.read_bytes(), None)
    assert isinstance(opened, ec.EllipticCurvePrivateKey)
    key.write_bytes(key_pem(opened, b"secret"))
    assert refusal(certificate, key).startswith(f"The key in {key} has a passphrase.")


@pytest.mark.parametrize(("begin", "days"), [(-90, -1), (1, 90)])
def test_a_certificate_that_is_not_valid_today_is_said_so(tmp_path: Path, begin: float, days: float) -> None:
    assert "is only valid from" in refusal(*write_pair(tmp_path, begin=begin, days=days))


def test_a_renewed_pair_is_taken_over_while_the_server_runs(tmp_path: Path) -> None:
    https = Https(*write_pair(tmp_path))
    first = https.fingerprint
    write_pair(tmp_path)
    https.refresh()
    assert https.fingerprint != first


def test_half_of_a_renewed_pair_is_not_taken_over_until_it_is_whole(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    certificate, key = write_pair(tmp_path)
    https = Https(certificate, key)
    first, (new, new_key) = https.fingerprint, write_pair(tmp_path, "new")
    new.replace(certificate)
    https.refresh()
    assert https.fingerprint == first
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    key.unlink()
    https.refresh()
    assert https.fingerprint == first
    new_key.replace(key)
    https.refresh()
    assert https.fingerprint == Https(certificate, key).fingerprint != first


def test_a_pair_touched_but_not_changed_stays(tmp_path: Path) -> None:
    certificate, key = write_pair(tmp_path)
    https = Https(certificate, key)
    first = https.fingerprint
    os.utime(certificate)
    https.refresh()
    assert https.fingerprint == first
