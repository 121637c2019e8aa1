"""The banner printed at start: the server's addresses, a QR code for phones, how to stop."""

from __future__ import annotations

import io
import ipaddress
import socket
import struct
import sys
from urllib.parse import urlsplit

from chatapp import __version__
from chatapp.options import DEFAULT_PORTS
from chatapp.settings import Settings

if sys.platform == "linux":
    import fcntl

_LOCAL = frozenset({"", "0.0.0.0", "::", "localhost", "127.0.0.1", "::1"})  # noqa: S104 - compared, never bound
_SIOCGIFADDR = 0x8915  # asks for the address of an interface
# Reserved for documentation (RFC 5737, RFC 3849): routed like the rest of the internet, but nobody has them.
_UNUSED = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))

# Not in the translation catalogue: no browser chooses the language, and a start must not fail without a catalogue.
_WORDS = {
    "en": {
        "local": "On this computer:",
        "network": "On your network:",
        "public": "Open it at:",
        "alone": "only this computer can reach it",
        "nothing": "no network found",
        "database": "Database:",
        "scan": "Scan with a phone on the same network:",
        "scan_public": "Scan with a phone:",
        "trust": "Plain HTTP: others on this network can read messages. Use one you trust.",
        "warning": "Browsers warn once, because no authority has signed this server's certificate.",
        "compare": "If the one they show has this SHA-256 fingerprint, it is safe to continue:",
        "stop": "Press Ctrl+C to stop.",
    },
    "vi": {
        "local": "Trên máy này:",
        "network": "Trong mạng của bạn:",
        "public": "Mở tại:",
        "alone": "chỉ máy này truy cập được",
        "nothing": "không tìm thấy mạng nào",
        "database": "Cơ sở dữ liệu:",
        "scan": "Quét bằng điện thoại trong cùng mạng:",
        "scan_public": "Quét bằng điện thoại:",
        "trust": "HTTP thường: người trong mạng có thể đọc được nội dung. Hãy dùng mạng bạn tin cậy.",
        "warning": "Trình duyệt sẽ cảnh báo một lần, vì chứng chỉ này do chính máy chủ ký.",
        "compare": "Nếu chứng chỉ nó hiện có dấu vân tay SHA-256 sau đây thì có thể yên tâm đi tiếp:",
        "stop": "Nhấn Ctrl+C để dừng.",
    },
}


def lan_address(host: str) -> str | None:
    """Return the address at which others on the network reach a server bound to ``host``; None if they cannot."""
    if host not in ("", "0.0.0.0", "::"):  # noqa: S104 - compared, never bound
        return None if _loopback(host) else host
    for family, far in _UNUSED:
        if host != "::" or family == socket.AF_INET6:
            try:
                with socket.socket(family, socket.SOCK_DGRAM) as probe:
                    probe.connect((far, 9))  # UDP: chooses the route and the interface, sends nothing
                    return str(probe.getsockname()[0])
            except OSError:
                continue
    return next(iter(_own_addresses()), None)


def names(settings: Settings) -> list[str]:
    """Return every name and address that may appear in a browser's address bar for this computer."""
    own = socket.gethostname()
    found = [own, f"{own.partition('.')[0]}.local", "localhost", "127.0.0.1", "::1", settings.host]
    found += [lan_address(settings.host) or "", *_own_addresses(), urlsplit(settings.public_url).hostname or ""]
    return [name for name in dict.fromkeys(found) if name not in ("", "0.0.0.0", "::")]  # noqa: S104 - as above


def banner(settings: Settings, lan: str | None, tty: bool, fingerprint: str | None = None) -> str:
    """Return the text to print once the server listens.

    ``tty``: the output can show a QR code; ``fingerprint``: of a self-signed certificate.
    """
    words = _WORDS[settings.language]
    name = "" if settings.name == "chatapp" else f"{settings.name} - "
    rows = [*_addresses(settings, lan), (words["database"], str(settings.database.absolute()))]
    width = max(len(label) for label, _ in rows)
    lines = [f"{name}chatapp {__version__}", "", *(f"{label:<{width}}  {value}" for label, value in rows), ""]
    if (lan or settings.public_url) and tty:
        scan = words["scan_public" if settings.public_url else "scan"]
        lines += [scan, "", *_qr(settings.public_url or _url(settings, lan or "")), ""]
    if fingerprint:
        lines += [words["warning"], words["compare"], f"  {fingerprint}", ""]
    elif lan and not settings.serves_https and settings.public_scheme != "https":
        lines.append(words["trust"])
    lines.append(words["stop"])
    return "\n" + "".join(f"  {line}".rstrip() + "\n" for line in lines)


def _addresses(settings: Settings, lan: str | None) -> list[tuple[str, str]]:
    words = _WORDS[settings.language]
    if settings.public_url:  # no other is served
        return [(words["public"], settings.public_url)]
    network = _url(settings, lan) if lan else words["alone" if _loopback(settings.host) else "nothing"]
    local = _url(settings, "localhost" if settings.host in _LOCAL else settings.host)
    return [(words["local"], local), (words["network"], network)]


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"


def _url(settings: Settings, host: str) -> str:
    scheme = "https" if settings.serves_https else "http"
    port = "" if settings.port == DEFAULT_PORTS[scheme] else f":{settings.port}"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}{port}{settings.base_path}"


def _qr(url: str) -> list[str]:
    import segno  # noqa: PLC0415 - most servers are started by a supervisor, which shows no code

    out = io.StringIO()
    segno.make(url, micro=False).terminal(out, border=2, compact=True)
    lines = out.getvalue().splitlines()
    if sys.platform == "win32":
        return lines  # older consoles print escape codes literally
    # Explicit colours: on a light terminal the code would be inverted, which some phones cannot read.
    return [f"\x1b[97;40m{line}\x1b[0m" for line in lines]


def _own_addresses() -> list[str]:
    """Return this computer's network addresses, even without a default route. Send nothing."""
    if sys.platform == "linux":
        found = [_address_of(interface) for _, interface in socket.if_nameindex()]
    else:  # these resolve their own name locally; Linux may ask a name server
        try:
            found = socket.gethostbyname_ex(socket.gethostname())[2]
        except OSError:
            found = []
    return [address for address in found if address and not _loopback(address)]


def _address_of(interface: str) -> str:
    assert sys.platform == "linux"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:  # the answer is a struct ifreq: the name, then a socket address (netdevice(7))
            return socket.inet_ntoa(
                fcntl.ioctl(probe, _SIOCGIFADDR, struct.pack("256s", interface.encode()[:15]))[20:24]
            )
        except OSError:
            return ""  # it has none
