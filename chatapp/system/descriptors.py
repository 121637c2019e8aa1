"""Limit of open files of this process; each socket counts."""

from __future__ import annotations

import sys

if sys.platform != "win32":
    import resource


def allow(wanted: int) -> int | None:
    """Raise the limit to ``wanted``, or as far as the system allows. Return the limit; None if there is none.

    Never lower it.
    """
    if sys.platform == "win32":
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return None
    more = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if more <= soft:
        return soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (more, hard))
    except (OSError, ValueError):
        return soft  # macOS reports a higher limit than it grants
    return more
