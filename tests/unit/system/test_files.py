"""A file that is made beside its place is whole when it gets there, and gone when it does not."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from chatapp.system import files


def test_a_part_that_is_put_in_its_place_replaces_what_was_there(tmp_path: Path) -> None:
    place = tmp_path / "copy.db"
    place.write_text("old")
    with files.part_of(place) as part:
        part.write_text("new")
        assert place.read_text() == "old"
        files.put(part, place)
    assert place.read_text() == "new"
    assert list(tmp_path.iterdir()) == [place]


def test_a_part_that_is_not_finished_goes_with_all_that_lies_beside_it(tmp_path: Path) -> None:
    def fill() -> None:
        with files.part_of(tmp_path / "copy.db") as part:
            for each in (part, *files.beside(part)):
                each.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fill()
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_a_part_is_for_its_owner_only(tmp_path: Path) -> None:
    with files.part_of(tmp_path / "copy.db") as part:
        assert stat.S_IMODE(part.stat().st_mode) == 0o600


def test_two_parts_of_one_file_do_not_meet(tmp_path: Path) -> None:
    with files.part_of(tmp_path / "copy.db") as one, files.part_of(tmp_path / "copy.db") as other:
        assert one != other
