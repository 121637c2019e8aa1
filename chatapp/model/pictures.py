"""A picture that was made safe and is ready to be stored."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol


class Prepared(Protocol):
    """A picture as ``images.Images.prepare`` returns it."""

    @property
    def name(self) -> str: ...
    @property
    def mime(self) -> str: ...
    @property
    def data(self) -> bytes: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def thumb_mime(self) -> str: ...
    @property
    def thumb(self) -> bytes: ...
    @property
    def thumb_width(self) -> int: ...
    @property
    def thumb_height(self) -> int: ...
    @property
    def digest(self) -> str: ...


Prepare = Callable[[bytes, str], Awaitable[Prepared]]
