"""Command line: start the server, keep it running, shut it down gracefully."""

from __future__ import annotations

import asyncio
import errno
import gc
import io
import logging
import os
import shlex
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from aiohttp import web

from chatapp.app import create_app
from chatapp.operate import adoption
from chatapp.operate.banner import banner, lan_address, names
from chatapp.settings import Settings
from chatapp.store import Busy, Unwritable, why_unusable
from chatapp.system import descriptors, logs
from chatapp.system.startup import CannotStart
from chatapp.web import keys
from chatapp.wire.serving import Runner, Site

if TYPE_CHECKING:
    from chatapp.operate.certificates import Https

BACKLOG = 1024  # connections waiting to be accepted: after a restart every tab reconnects at the same moment
HANDLER_SECONDS = 2.0  # at shutdown, for requests in progress; sockets are closed before
GIVE_UP_SECONDS = 8.0  # for the whole shutdown; a supervisor kills after ten. Saved messages stay saved
CERTIFICATE_SECONDS = 3600.0  # between checks whether the certificate was, or must be, renewed
DESCRIPTORS = 65_536  # open files to request; each socket takes one, and 1,024 is a common default
SPARE = 100  # of them for everything but tabs: the database, pictures, requests for pages

COLLECTOR = (10_000, 5, 50)  # thresholds of the three generations, see gc.set_threshold

# Errors that mean that an address family does not exist on this machine, often IPv6.
_ABSENT = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT})

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the server until it is told to stop, or a command. Return the exit status.

    For the server: 0 after a shutdown, 1 when it could not start.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # characters that the console cannot show must not stop the server
    arguments = sys.argv[1:] if argv is None else argv
    if arguments and not arguments[0].startswith("-"):
        from chatapp.operate import commands  # noqa: PLC0415 - the server needs none of their modules

        return commands.run(arguments)
    try:
        settings = Settings.read(arguments)
        logs.configure(settings.log_format)
        _allow_many_sockets(settings)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(serve(settings))
    except CannotStart as reason:
        print(f"chatapp: {reason}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass  # Ctrl+C on Windows: serve() has cleaned up
    return 0


async def serve(settings: Settings) -> int:
    """Run the application until SIGTERM or Ctrl+C. Raise CannotStart with a sentence for the operator.

    Return the exit status: 1 when a part of the server crashed, so that a supervisor restarts it.
    """
    stop = asyncio.Event()
    _stop_on_signals(stop)
    app = create_app(settings)
    runner = Runner(app, access_log=None, shutdown_timeout=HANDLER_SECONDS)
    try:
        try:
            await runner.setup()
        except (Busy, Unwritable) as error:  # the database could be read, but the first write failed
            raise CannotStart(why_unusable(settings.database, error)) from error
        except OSError as error:
            raise CannotStart(f"Cannot start: {error}.") from error
        _tune_collector()
        https = _https(settings)
        sockets = listen(settings.host, settings.port)
        for each in sockets:
            await Site(runner, each, backlog=BACKLOG, ssl_context=https.context if https else None).start()
        running = replace(settings, port=sockets[0].getsockname()[1])
        if (store := app.get(keys.store)) and (adopted := store.adopted):
            print(adoption.text(adopted, settings.language, shlex.quote(str(settings.database))), end="")
        fingerprint = https.fingerprint if https and settings.tls == "self-signed" else None
        print(banner(running, lan_address(running.host), _can_show_blocks(), fingerprint), flush=True)
        await _wait(stop, https)
    finally:
        await _clean_up(runner)
    return int(app[keys.failed].is_set())


def _https(settings: Settings) -> Https | None:
    if not settings.serves_https:
        return None
    # X.509 takes long to import, and most servers speak HTTP.
    from chatapp.operate.certificates import Https, self_signed  # noqa: PLC0415

    if settings.tls_cert and settings.tls_key:
        return Https(settings.tls_cert, settings.tls_key)
    # Only now, under the lock of the database: two servers must not create two certificates.
    return self_signed(settings.database, names(settings))


async def _wait(stop: asyncio.Event, https: Https | None) -> None:
    """Wait until told to stop; renew or reload the certificate meanwhile."""
    while https and not stop.is_set():
        try:
            async with asyncio.timeout(CERTIFICATE_SECONDS):
                await stop.wait()
        except TimeoutError:
            https.refresh()
    await stop.wait()


def listen(host: str, port: int) -> list[socket.socket]:
    """Return sockets that listen on every address of ``host`` ("" means all), on one port.

    One socket per address family, so that IPv4 peers keep their IPv4 addresses.
    """
    sockets: list[socket.socket] = []
    for family, address in _addresses(host, port):
        bound = sockets[0].getsockname()[1] if sockets else port
        try:
            sockets.append(socket.create_server((address[0], bound, *address[2:]), family=family, backlog=BACKLOG))
        except OSError as error:
            if sockets and error.errno in _ABSENT:
                continue
            for each in sockets:
                each.close()
            raise CannotStart(_why_not(error, host, port)) from error
    return sockets


def _addresses(host: str, port: int) -> list[tuple[int, tuple[Any, ...]]]:
    if not host:
        return [(socket.AF_INET, ("0.0.0.0", port)), (socket.AF_INET6, ("::", port))]  # noqa: S104 - the purpose
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise CannotStart(f"The address {host} is not known here. Choose another with --host.") from error
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is already in use. Stop the program that uses it, or choose another port with --port."
    if error.errno == errno.EACCES:
        return f"Not allowed to listen on port {port}. Choose a port above 1023 with --port."
    if error.errno in _ABSENT:
        return f"The address {host} does not belong to this computer. Choose another with --host."
    return f"Cannot listen on port {port}: {error.strerror}."


def _stop_on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def interrupt() -> None:
        stop.set()
        # The next Ctrl+C kills the process, even when the event loop is stuck.
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    try:
        loop.add_signal_handler(signal.SIGTERM, stop.set)
        # A server in the background of a script ignores Ctrl+C, which is meant for the script.
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            loop.add_signal_handler(signal.SIGINT, interrupt)
    except NotImplementedError:
        pass  # Windows: Ctrl+C cancels serve() and raises KeyboardInterrupt


async def _clean_up(runner: web.AppRunner) -> None:
    try:
        async with asyncio.timeout(GIVE_UP_SECONDS):
            await runner.cleanup()
    except TimeoutError:
        log.critical("the stop took too long; ending without it", extra={"seconds": GIVE_UP_SECONDS})
        logging.shutdown()
        os._exit(1)  # sys.exit would wait for the threads that hang


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - not available on Windows
    except ImportError:
        return None
    return uvloop.new_event_loop


def _allow_many_sockets(settings: Settings) -> None:
    allowed = descriptors.allow(DESCRIPTORS)
    wanted = settings.sockets + SPARE if settings.sockets else DESCRIPTORS
    if allowed is not None and allowed < wanted:
        log.warning(
            "this system allows the server %d open files, too few for as many open tabs as it would let in; "
            "raise that with ulimit -n or LimitNOFILE=, or set CHATAPP_SOCKETS",
            allowed,
            extra={"wanted": wanted},
        )


def _tune_collector() -> None:
    """Run the garbage collector less often, and never on objects that exist from the start.

    A full collection with ten thousand open sockets blocks the event loop for a tenth of a second. A server creates few
    reference cycles, the only garbage that needs the collector.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTOR)


def _can_show_blocks() -> bool:
    try:
        "\u2580\u2584\u2588".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return sys.stdout.isatty()
