"""The error that aborts a start."""


class CannotStart(Exception):  # noqa: N818 - an answer to the operator, not a bug
    """Abort the start with a sentence for the operator, without a traceback."""
