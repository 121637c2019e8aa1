"""The reverse proxies of the README, real ones, with the very lines that it gives for them."""

from __future__ import annotations

import asyncio
import datetime
import os
import re
import shutil
import signal
import ssl
import subprocess
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from fault.address import Address
from fault.server import PATIENCE, ROOT, Server, free_port

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_UPSTREAM = "127.0.0.1:8765"


def snippet(language: str, site: str) -> str:
    """Return the configuration for a site as the README shows it."""
    blocks = _BLOCK.findall((ROOT / "README.md").read_text("utf-8"))
    [found] = [text for name, text in blocks if name == language and re.search(rf"(^|\s){re.escape(site)}\b", text)]
    return str(found)


def swapped(text: str, old: str, new: str) -> str:
    """Replace what must be there."""
    assert old in text, f"the README does not say {old!r}"
    return text.replace(old, new)


class Proxy:
    """A proxy in a process of its own, in front of one server."""

    program: str
    name: str  # of the site

    def __init__(self, server: Server, folder: Path, base: str = "") -> None:
        self.port = free_port()
        self.folder = folder
        self.base = base
        self.server = server
        self._process: subprocess.Popen[bytes] | None = None
        self._log = folder / f"{self.program}.log"

    def _command(self) -> list[str]:
        raise NotImplementedError

    @property
    def certificate(self) -> Path:
        """Return the file with the certificate that its people must trust."""
        raise NotImplementedError

    @property
    def address(self) -> Address:
        """Return where people find the server now."""
        return Address(self.server, f"https://{self.name}:{self.port}", self.certificate)

    async def start(self) -> None:
        """Start a process and wait until it brings people to the server."""
        began = time.monotonic()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(),
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        while not await self._answers():
            assert self._process.poll() is None, f"{self.program} ended at its start:\n{self._log.read_text()}"
            assert time.monotonic() - began < PATIENCE, f"{self.program} did not get ready:\n{self._log.read_text()}"
            await asyncio.sleep(0.02)

    async def stop(self) -> None:
        """End the process; its connections end with it."""
        if self._process:
            self._process.terminate()
            await asyncio.to_thread(self._process.wait, PATIENCE)
            self._process = None

    async def restart(self) -> None:
        """Replace the process by a new one."""
        await self.stop()
        await self.start()

    async def reload(self) -> None:
        """Let the process read its configuration again, and wait until it has."""
        raise NotImplementedError

    def _environment(self) -> dict[str, str]:
        return os.environ | dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"), str(self.folder))

    async def _answers(self) -> bool:
        """Tell whether it accepts connections in its name: the server behind it was ready before."""
        try:
            trust = ssl.create_default_context(cafile=self.certificate)
            _, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=trust, server_hostname=self.name)
        except OSError:  # no such port, or no such file, or ssl.SSLError: a certificate is not made in no time
            return False
        writer.transport.abort()
        return True

    @property
    def _pid(self) -> int:
        assert self._process is not None
        return self._process.pid


class Nginx(Proxy):
    """nginx with the server block of the README in a file that leaves nothing outside its folder."""

    program = "nginx"
    name = "chat.example.org"
    _PATIENCE = "proxy_read_timeout 120s;"

    def __init__(self, server: Server, folder: Path, base: str = "", silence: str = _PATIENCE) -> None:
        """Take the line about how long the server may say nothing: the README's, another, or "" for none."""
        super().__init__(server, folder, base)
        key = folder / "key.pem"
        certify(self.name, self.certificate, key)
        block = snippet("nginx", self.name)
        for old, new in {
            "listen 443 ssl": f"listen 127.0.0.1:{self.port} ssl",
            "/etc/ssl/chat.example.org.pem": str(self.certificate),
            "/etc/ssl/chat.example.org.key": str(key),
            _UPSTREAM: f"127.0.0.1:{server.port}",
            "location / {": f"location {base}/ {{",
            self._PATIENCE: silence,
        }.items():
            block = swapped(block, old, new)
        temporary = "".join(
            f"    {what}_temp_path {folder}/{what};\n" for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        head = f"pid {folder}/nginx.pid;\nerror_log {folder}/error.log;\nevents {{}}\n"
        user = "user root;\n" if os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(f"{user}{head}http {{\n    access_log off;\n{temporary}{block}}}\n")

    @property
    def certificate(self) -> Path:
        return self.folder / "certificate.pem"

    def _command(self) -> list[str]:
        return ["nginx", "-e", f"{self.folder}/error.log", "-c", f"{self.folder}/nginx.conf", "-g", "daemon off;"]

    async def reload(self) -> None:
        before = self._workers()
        os.kill(self._pid, signal.SIGHUP)
        while not self._workers() - before or not await self._answers():
            await asyncio.sleep(0.02)

    def _workers(self) -> set[str]:
        return set(Path(f"/proc/{self._pid}/task/{self._pid}/children").read_text().split())


class Caddy(Proxy):
    """Caddy with the site of the README, an own certificate authority, and nothing outside its folder."""

    program = "caddy"

    def __init__(self, server: Server, folder: Path, base: str = "") -> None:
        self.name = "example.org" if base else "chat.example.org"
        super().__init__(server, folder, base)
        self._admin = f"127.0.0.1:{free_port()}"
        options = [f"admin {self._admin}", f"https_port {self.port}", f"http_port {free_port()}"]
        options += ["local_certs", "skip_install_trust", f"storage file_system {folder}/caddy"]
        site = swapped(snippet("caddyfile", self.name), _UPSTREAM, f"127.0.0.1:{server.port}")
        (folder / "Caddyfile").write_text("{\n\t" + "\n\t".join(options) + "\n}\n" + site)

    @property
    def certificate(self) -> Path:
        return self.folder / "caddy" / "pki" / "authorities" / "local" / "root.crt"

    def _command(self) -> list[str]:
        return ["caddy", "run", "--config", "Caddyfile", "--adapter", "caddyfile"]

    async def reload(self) -> None:
        # The file is the same as before, which Caddy would notice; an operator's has changed.
        command = ["caddy", "reload", "--force", "--config", "Caddyfile", "--adapter", "caddyfile"]
        process = await asyncio.create_subprocess_exec(
            *command, cwd=self.folder, env=self._environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        async with asyncio.timeout(PATIENCE):
            _, said = await process.communicate()
        assert process.returncode == 0, said.decode()


PROXIES = [
    pytest.param(
        proxy,
        id=proxy.program,
        marks=pytest.mark.skipif(
            shutil.which(proxy.program) is None, reason=f"{proxy.program.upper()} IS NOT INSTALLED: apt-get install"
        ),
    )
    for proxy in (Nginx, Caddy)
]


def certify(name: str, certificate: Path, key: Path) -> None:
    """Make a certificate for a name, signed by itself."""
    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(private, hashes.SHA256())
    )
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    certificate.write_bytes(signed.public_bytes(encoding))
    key.write_bytes(private.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain))
