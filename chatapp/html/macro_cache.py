"""A cache of rendered macros: many people's pages show the same messages."""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable

from markupsafe import Markup

from chatapp.html import language

_BYTES = 8 * 2**20  # of HTML: a few thousand messages


class MacroCache:
    """Cache the output of macros by everything it depends on: the arguments, the language and the time zone.

    So one reader's output never reaches another, and nothing goes stale. Arguments are whole records: a new revision
    of a message is a different key.
    """

    def __init__(self, limit: int = _BYTES) -> None:
        """Keep about ``limit`` bytes."""
        self._half = limit // 2
        # Two generations are cheaper than an LRU order. An entry not used while the young one fills up is dropped.
        self._young: dict[Hashable, Markup] = {}
        self._old: dict[Hashable, Markup] = {}
        self._size = 0  # of the young one

    def caching(self, macro: Callable[..., Markup]) -> Callable[..., Markup]:
        """Return a caching wrapper of a macro. Its arguments must be hashable."""

        def render(*values: Hashable) -> Markup:
            key = (macro, values, language.current.get(), language.zone.get())
            found = self._young.get(key)
            return self._keep(key, self._old.get(key) or macro(*values)) if found is None else found

        return render

    def _keep(self, key: Hashable, html: Markup) -> Markup:
        self._size += 2 * sys.getsizeof(html)  # the arguments in the key hold the text, too
        if self._size > self._half:
            self._young, self._old, self._size = {}, self._young, 2 * sys.getsizeof(html)
        self._young[key] = html
        return html
