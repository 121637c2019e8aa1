"""Re-encoding of animations with all frames, scaled down where they are too large."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from math import sqrt
from typing import Any

from PIL import ImageChops
from PIL.Image import Dither, Image, Resampling

from chatapp.model.pictures import PICTURE_BYTES
from chatapp.workers import apngs, gifs, shapes
from chatapp.workers.apngs import Apng
from chatapp.workers.gifs import Gif

KEPT_PIXELS = 30_000_000  # of all frames that are redrawn: about a second of encoding
_SAMPLE_EDGE = 64  # pixels; the colours of a frame are chosen from so small a copy of it, which is 20 times as fast
_COLOURS = 255  # of a redrawn frame; the last index stands for nothing
_VISIBLE = 128  # alpha from which a pixel of a GIF is there
_DELAY = 100  # ms of a frame that does not say


@dataclass(frozen=True, slots=True)
class Selection:
    """Which frames are kept: every ``step``-th of the first ``count``."""

    count: int
    step: int = 1

    @property
    def kept(self) -> int:
        return -(-self.count // self.step)


def write_gif(gif: Gif, selection: Selection) -> tuple[str, bytes, Image]:
    """Return the type and the bytes of a GIF, and its first frame as shown: exact copies of its frames if they fit."""
    if selection.step == 1 and selection.count == len(gif.frames) and max(gif.size) <= shapes.EDGE:
        exact = gifs.write(gif.size, gif.loop, gifs.renewed(gif))
        if len(exact) <= PICTURE_BYTES:
            return "image/gif", exact, next(gifs.paint(gif)).copy()
    scale = _scale(gif.size, selection)
    while True:
        size = shapes.scaled(*gif.size, scale)
        drawn = gifs.write(size, gif.loop, _joined(_indexed(_painted(gif, selection, size))))
        if len(drawn) <= PICTURE_BYTES:
            return "image/gif", drawn, next(gifs.paint(gif)).resize(size)
        scale *= _less(len(drawn))


def write_webp(image: Image, selection: Selection) -> tuple[str, bytes, Image]:
    """Return the type and the bytes of an animated WebP made of another, and its first frame."""
    return _drawn(lambda: _decoded(image, selection.count), image.size, image.info.get("loop", 0), selection)


def write_apng(apng: Apng, selection: Selection) -> tuple[str, bytes, Image]:
    """Return the type and the bytes of an animated WebP made of an animated PNG, and its first frame."""

    def frames() -> Iterator[tuple[Image, float]]:
        return ((canvas, frame.duration) for canvas, frame in zip(apngs.paint(apng), apng.frames, strict=True))

    return _drawn(frames, apng.size, apng.loop, selection, sharp=True)


def _drawn(
    frames: Callable[[], Iterator[tuple[Image, float]]],
    full: tuple[int, int],
    loop: int,
    selection: Selection,
    *,
    sharp: bool = False,
) -> tuple[str, bytes, Image]:
    scale = _scale(full, selection)
    while True:
        size = shapes.scaled(*full, scale)
        shown, durations = [], []
        for frame, duration in _thinned(frames(), selection, size):
            shown.append(frame)
            durations.append(duration)
        data = _webp(shown, durations, loop, sharp)
        if len(data) <= PICTURE_BYTES:
            return "image/webp", data, shown[0]
        scale *= _less(len(data))


def _scale(size: tuple[int, int], selection: Selection) -> float:
    width, height = size
    return min(1.0, shapes.EDGE / max(size), sqrt(KEPT_PIXELS / (selection.kept * width * height)))


def _less(size: int) -> float:
    """Return how much smaller to draw what came out as too many bytes; once more is nearly always enough."""
    return min(0.9, 0.9 * sqrt(PICTURE_BYTES / size))


def _decoded(image: Image, count: int) -> Iterator[tuple[Image, float]]:
    for number in range(count):
        image.seek(number)
        image.load()
        yield image, image.info.get("duration", _DELAY)


def _painted(gif: Gif, selection: Selection, size: tuple[int, int]) -> Iterator[tuple[Image, float]]:
    frames = ((canvas, 10 * frame.delay) for canvas, frame in zip(gifs.paint(gif), gif.frames, strict=True))
    return _thinned(frames, selection, size)


def _thinned(
    frames: Iterator[tuple[Image, float]], selection: Selection, size: tuple[int, int]
) -> Iterator[tuple[Image, float]]:
    """Yield the frames that are kept with their durations in ms, made smaller; each stays for those left out too."""
    kept: Image | None = None
    duration = 0.0
    for number, (frame, lasts) in enumerate(frames):
        if number >= selection.count:
            break
        if number % selection.step == 0:
            if kept is not None:
                yield kept, duration
            kept, duration = frame.convert("RGBA").resize(size, Resampling.BILINEAR), 0.0
            kept.info = {}  # comments would be written too
        duration += lasts
    if kept is not None:
        yield kept, duration


def _indexed(frames: Iterator[tuple[Image, float]]) -> Iterator[tuple[Image, int]]:
    """Yield frames in 255 colours of their own and one that stands for nothing, with their times in hundredths."""
    for frame, duration in frames:
        colours = frame.convert("RGB")
        palette = colours.resize(_within(colours.size), Resampling.NEAREST).quantize(_COLOURS)
        drawn = colours.quantize(palette=palette, dither=Dither.FLOYDSTEINBERG)
        drawn.paste(_COLOURS, mask=frame.getchannel("A").point(lambda alpha: 255 * (alpha < _VISIBLE)))
        yield drawn, min(round(duration / 10), 0xFFFF)


def _within(size: tuple[int, int]) -> tuple[int, int]:
    return min(size[0], _SAMPLE_EDGE), min(size[1], _SAMPLE_EDGE)


def _joined(frames: Iterator[tuple[Image, int]]) -> Iterator[gifs.Frame]:
    """Yield frames that take the place of each other; of opaque ones only what differs from the one before."""
    before: Image | None = None  # what stays on the screen
    for (drawn, delay), following in _with_next(frames):
        opaque = _is_opaque(drawn)
        stays = opaque and (following is None or _is_opaque(following[0]))
        palette, shown = bytes(drawn.getpalette() or ()), drawn.convert("RGB")
        left, top, right, bottom = _changed(before, shown) if stays and before else (0, 0, *drawn.size)
        frame = gifs.packed(drawn.crop((left, top, right, bottom)), (left, top, right - left, bottom - top), palette)
        disposal, clear = gifs.KEPT if stays else gifs.BACKGROUND, None if opaque else _COLOURS
        yield replace(frame, delay=delay, disposal=disposal, clear=clear)
        before = shown if stays else None


def _with_next(
    frames: Iterator[tuple[Image, int]],
) -> Iterator[tuple[tuple[Image, int], tuple[Image, int] | None]]:
    current = next(frames)
    for following in frames:
        yield current, following
        current = following
    yield current, None


def _is_opaque(drawn: Image) -> bool:
    _, highest = drawn.getextrema()
    return bool(highest < _COLOURS)  # type: ignore[operator]  # of one band, a number


def _changed(before: Image, shown: Image) -> tuple[int, int, int, int]:
    return ImageChops.difference(before, shown).getbbox() or (0, 0, 1, 1)


def _webp(frames: list[Image], durations: list[float], loop: int, sharp: bool) -> bytes:
    if len(frames) == 1:
        frames, durations = frames * 2, [durations[0] / 2] * 2
    out = BytesIO()
    options: dict[str, Any] = {"duration": durations, "loop": loop, "quality": 75, "method": 0, "allow_mixed": sharp}
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:], **options)
    return out.getvalue()
