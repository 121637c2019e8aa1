"""The error that ends a start."""


class CannotStart(Exception):  # noqa: N818 - an answer to the operator, not a failure of the program
    """Stop a start with one sentence for the operator; no traceback follows."""
