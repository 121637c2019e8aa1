"""Other stacks that a bench stands chatapp beside: each a room whose members hear what anybody says, and nothing else.

They have no sessions, check nothing, draw nothing and keep nothing. One that is not installed is left out, with a word.
"""

from __future__ import annotations

import getpass
import grp
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import machine
from server import HERE, DidNotStart, Server, serving

HOW = {
    "node ws": "node, and `npm install ws` in a folder named by --peers",
    "nginx + nchan": "nginx and its module nchan, on Debian `apt install libnginx-mod-nchan`",
    "socketify": "`pip install socketify`",
}


def start(stack: ExitStack, host: str, folder: str | None) -> tuple[list[Server], list[str]]:
    """Start those that there are. Return them, and a sentence for each that there is not."""
    peers = {"node ws": node, "nginx + nchan": nchan, "socketify": socketify}
    found: list[Server] = []
    words: list[str] = []
    for name, peer in peers.items():
        try:
            found.append(stack.enter_context(peer(name, host, Path(folder or "."))))
        except DidNotStart as error:
            words.append(f"Left out: {name}, which takes {HOW[name]}. {error}".strip())
    return found, words


@contextmanager
def node(name: str, host: str, folder: Path) -> Iterator[Server]:
    """Run the room of node ws. Raise DidNotStart."""
    program = shutil.which("node")
    paths = [str(folder.resolve() / "node_modules"), *filter(None, [os.environ.get("NODE_PATH")])]
    os.environ["NODE_PATH"] = os.pathsep.join(paths)  # besides the folders above the script
    script = HERE / "peers" / "room.cjs"
    if program is None or subprocess.run([program, "-e", "require('ws')"], capture_output=True, check=False).returncode:
        raise DidNotStart("It is not here.")
    with serving(name, [program, str(script), "{host}", "{port}"], host) as server:
        yield server


@contextmanager
def socketify(name: str, host: str, folder: Path) -> Iterator[Server]:
    """Run the room of socketify. Raise DidNotStart."""
    if importlib.util.find_spec("socketify") is None:
        raise DidNotStart("It is not here.")
    with serving(name, [sys.executable, "{here}/peers/room.py", "{host}", "{port}"], host) as server:
        yield server


@contextmanager
def nchan(name: str, host: str, folder: Path) -> Iterator[Server]:
    """Run the room of nginx and nchan. Raise DidNotStart."""
    program = shutil.which("nginx", path=os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/usr/local/sbin"]))
    if program is None:
        raise DidNotStart("It is not here.")
    command = [program, "-p", "{folder}", "-c", "{folder}/configuration", "-e", "stderr"]
    with serving(name, command, host, configuration=_configuration(_module(program, folder), host)) as server:
        yield server


def _module(program: str, folder: Path) -> Path:
    built = subprocess.run([program, "-V"], capture_output=True, text=True, check=True).stderr
    usual = re.search(r"--modules-path=(\S+)", built)
    for place in (folder, Path(usual[1] if usual else "/usr/lib/nginx/modules")):
        if (module := place / "ngx_nchan_module.so").exists():
            return module.resolve()
    raise DidNotStart("It is not here.")


def _configuration(module: Path, host: str) -> str:
    values = {
        "module": str(module),
        "host": host,
        "user": getpass.getuser(),
        "group": grp.getgrgid(os.getgid()).gr_name,
        "files": str(min(machine.open_files(), 65_536)),
    }
    text = (HERE / "peers" / "room.conf").read_text()
    return re.sub("@(module|host|user|group|files)@", lambda found: values[found[1]], text)
