"""How many files a process may have open; each socket is one."""

from __future__ import annotations

import sys

if sys.platform != "win32":
    import resource


def allow(wanted: int) -> int | None:
    """Raise the limit to what is wanted, or as near to it as the system lets us. Return the limit; None: there is none.

    A limit that is higher already stays as it is.
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
        return soft  # macOS promises more than it gives
    return more
