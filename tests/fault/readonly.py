"""Places that cannot be written: seen through a read-only mount, guarded by modes, or read-only since a disk failed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fault.strace import SYNC

_MEGABYTES = 48
_MENDED = {0, 1}  # what e2fsck returns when all is well, and when it has made it so

# What a server calls to change a file.
WRITES = f"pwrite64,ftruncate,fallocate,{SYNC}"

root = pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="ONLY ROOT CAN MOUNT: not tested")

# Root may write whatever the modes say. These words before a command take that right away.
_OBEDIENT = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--"]
obedient = _OBEDIENT if os.name == "posix" and os.geteuid() == 0 else []
modes_count = pytest.mark.skipif(
    bool(obedient) and shutil.which("setpriv") is None, reason="SETPRIV IS NOT INSTALLED: apt-get install util-linux"
)


@contextmanager
def view(folder: Path, place: Path) -> Iterator[Path]:
    """Show a folder at another place, where it is read-only."""
    place.mkdir()
    _run("mount", "--bind", str(folder), str(place))
    try:
        _run("mount", "-o", "remount,bind,ro", str(place))
        yield place
    finally:
        _run("umount", "--lazy", str(place))


class FragileDisk:
    """A file system that a fault makes read-only until it is repaired, as most disks of servers are mounted."""

    def __init__(self, image: Path, folder: Path) -> None:
        self.folder = folder
        self._image = image

    def mount(self) -> None:
        """Put it in its place."""
        _run("mount", "-o", "loop,errors=remount-ro", str(self._image), str(self.folder))

    def unmount(self) -> None:
        """Take it away, whoever still looks at it."""
        _run("umount", "--lazy", str(self.folder))

    def fail(self) -> None:
        """Let the kernel find a fault in it."""
        found = _run("findmnt", "-n", "-o", "SOURCE", str(self.folder)).strip()
        Path(f"/sys/fs/ext4/{Path(found).name}/trigger_fs_error").write_text("a test")

    def repair(self) -> None:
        """Do what an operator does: unmount it, check it, mount it again."""
        self.unmount()
        status = subprocess.run(["e2fsck", "-fy", str(self._image)], check=False, capture_output=True).returncode
        assert status in _MENDED, status
        self.mount()


@contextmanager
def fragile_disk(folder: Path) -> Iterator[FragileDisk]:
    """Mount a fragile disk in a folder. Raise PermissionError where that is not possible."""
    image, place = folder / "image", folder / "fragile"
    place.mkdir()
    disk = FragileDisk(image, place)
    with image.open("wb") as file:
        file.truncate(_MEGABYTES * 2**20)
    try:
        _run("mkfs.ext4", "-q", str(image))
        disk.mount()
    except (OSError, subprocess.CalledProcessError) as error:
        raise PermissionError("an ext4 of one's own takes root and a kernel that has it") from error
    try:
        yield disk
    finally:
        disk.unmount()


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
