"""A cache of rendered macros: the same messages are on the pages of many people."""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable

from markupsafe import Markup

from chatapp.html import language

_BYTES = 8 * 2**20  # of HTML: some thousand messages


class MacroCache:
    """Cache what macros render, by everything that it depends on: the arguments, the language and the time zone.

    So nothing of one reader reaches another, and nothing is ever stale. Arguments are whole records: a message with a
    new revision is another one.
    """

    def __init__(self, limit: int = _BYTES) -> None:
        """Keep about ``limit`` bytes."""
        self._half = limit // 2
        # Two generations are cheaper than an LRU order. An entry that is not used while the young one fills is dropped.
        self._young: dict[Hashable, Markup] = {}
        self._old: dict[Hashable, Markup] = {}
        self._size = 0  # of the young one

    def caching(self, macro: Callable[..., Markup]) -> Callable[..., Markup]:
        """Return a macro that renders the same, for hashable arguments."""

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
