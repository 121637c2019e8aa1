"""The block printed at start says where the server is, calmly and truly."""

from __future__ import annotations

import ipaddress
import re
import socket
import sys
from pathlib import Path

import pytest

from chatapp import __version__
from chatapp.operate import banner as banner_module
from chatapp.operate.banner import banner, lan_address, names
from chatapp.settings import Settings


def test_the_block_names_the_server_its_addresses_and_the_way_out() -> None:
    block = banner(Settings(database=Path("/srv/chat.db"), base_path="/chat"), "192.168.1.20", tty=False)
    assert block == (
        "\n"
        f"  chatapp {__version__}\n"
        "\n"
        "  On this computer:  http://localhost:8765/chat\n"
        "  On your network:   http://192.168.1.20:8765/chat\n"
        "  Database:          /srv/chat.db\n"
        "\n"
        "  Plain HTTP: others on this network can read messages. Use one you trust.\n"
        "  Press Ctrl+C to stop.\n"
    )


def test_it_speaks_the_language_of_the_settings() -> None:
    block = banner(Settings(language="vi", name="Lớp 12A"), "192.168.1.20", tty=False)
    assert f"Lớp 12A - chatapp {__version__}" in block
    assert "Nhấn Ctrl+C để dừng." in block
    assert "Press" not in block


def test_a_terminal_gets_a_qr_code_that_fits_it() -> None:
    block = banner(Settings(), "192.168.100.200", tty=True)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", block)
    code = [line for line in plain.splitlines() if set(line.strip()) & set("█▀▄")]
    assert len({len(line) for line in code}) == 1
    assert len(code) <= 20
    assert max(map(len, plain.splitlines())) <= 80


@pytest.mark.skipif(sys.platform == "win32", reason="its consoles get no colours")
def test_the_qr_code_is_white_on_black_whatever_the_colours_of_the_terminal() -> None:
    block = banner(Settings(), "192.168.1.20", tty=True)
    assert block.count("\x1b[97;40m") == block.count("\x1b[0m") > 10


@pytest.mark.parametrize(("lan", "tty"), [("192.168.1.20", False), (None, True), (None, False)])
def test_without_a_terminal_or_a_network_there_is_no_qr_code(lan: str | None, tty: bool) -> None:
    assert not set(banner(Settings(), lan, tty=tty)) & set("█▀▄\x1b")


def test_a_server_for_this_computer_says_so() -> None:
    block = banner(Settings(host="127.0.0.1"), None, tty=True)
    assert "http://localhost:8765" in block
    assert "only this computer can reach it" in block
    assert "Plain HTTP" not in block


def test_a_server_without_a_network_says_so() -> None:
    assert "no network found" in banner(Settings(), None, tty=True)


def test_a_server_bound_to_one_address_does_not_promise_localhost() -> None:
    block = banner(Settings(host="192.168.1.20"), "192.168.1.20", tty=False)
    assert "localhost" not in block
    assert block.count("http://192.168.1.20:8765") == 2


def test_the_addresses_are_urls_a_browser_takes() -> None:
    assert "http://[2001:db8::5]:8765\n" in banner(Settings(), "2001:db8::5", tty=False)
    assert "http://192.168.1.20\n" in banner(Settings(port=80), "192.168.1.20", tty=False)


def test_with_https_the_block_explains_the_warning_of_browsers_and_what_to_compare() -> None:
    block = banner(Settings(tls="self-signed"), "192.168.1.20", tty=False, fingerprint="AB:CD")
    assert "https://localhost:8765\n" in block
    assert "https://192.168.1.20:8765\n" in block
    assert "Browsers warn once" in block
    assert "\n    AB:CD\n" in block
    assert "http://" not in block
    assert "Plain HTTP" not in block
    assert all(len(line) <= 100 for line in block.splitlines())
    vietnamese = banner(Settings(tls="self-signed", language="vi"), "192.168.1.20", tty=False, fingerprint="AB:CD")
    assert "dấu vân tay SHA-256" in vietnamese


def test_with_a_certificate_that_browsers_know_there_is_nothing_to_compare() -> None:
    block = banner(Settings(tls_cert=Path("a"), tls_key=Path("b"), port=443), "192.168.1.20", tty=False)
    assert "https://192.168.1.20\n" in block
    assert "warn" not in block
    assert "Plain HTTP" not in block


def test_a_public_address_is_the_only_one_shown() -> None:
    settings = Settings(public_url="https://chat.example.org/chat", base_path="/chat", host="127.0.0.1")
    block = banner(settings, None, tty=True)
    assert "Open it at:  https://chat.example.org/chat\n" in block
    assert "localhost" not in block
    assert "Scan with a phone:" in block
    assert "█" in block or "▀" in block
    plain = banner(Settings(public_url="http://192.168.1.20:8765"), "192.168.1.20", tty=False)
    assert "Plain HTTP" in plain


def test_the_names_of_this_computer_are_those_that_browsers_may_look_for() -> None:
    found = names(Settings(host="192.168.1.20", public_url="https://chat.example.org:8443"))
    own = socket.gethostname()
    wanted = {own, f"{own.split('.')[0]}.local", "localhost", "127.0.0.1", "::1", "192.168.1.20", "chat.example.org"}
    assert wanted <= set(found)
    assert len(found) == len(set(found))
    assert not {"", "0.0.0.0", "::"} & set(names(Settings(host="0.0.0.0")))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_nobody_else_reaches_a_server_on_the_loopback_address(host: str) -> None:
    assert lan_address(host) is None


def test_others_reach_a_server_at_the_address_it_is_bound_to() -> None:
    assert lan_address("192.168.1.20") == "192.168.1.20"


def test_the_address_found_for_all_interfaces_is_one_of_this_computer() -> None:
    found = lan_address("")
    assert found is None or not found.startswith(("127.", "0."))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system looks up its own name without asking anybody")
def test_own_addresses_are_found_without_asking_a_name_server(monkeypatch: pytest.MonkeyPatch) -> None:
    for ask in ("gethostbyname", "gethostbyname_ex", "getaddrinfo", "getfqdn"):
        monkeypatch.setattr(socket, ask, None)
    monkeypatch.setattr(banner_module, "_UNUSED", ())  # no route leads out
    found = banner_module.lan_address("")
    assert found in (*banner_module._own_addresses(), None)
    assert found is None or not ipaddress.ip_address(found).is_loopback
    assert banner_module.names(Settings())
