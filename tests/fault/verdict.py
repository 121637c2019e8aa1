"""What the judge found."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Verdict:
    """What was found, as sentences; nothing in any list is what everybody wants.

    A message here is also every later revision of one: edited, removed, taken back.
    """

    lost: list[str] = field(default_factory=list)  # called saved or still waiting, and not in the database
    doubled: list[str] = field(default_factory=list)  # twice in the database or on one screen
    ghost: list[str] = field(default_factory=list)  # on a screen and not in the database
    gap: list[str] = field(default_factory=list)  # in the database and not on a screen that should have it
    phantom: list[str] = field(default_factory=list)  # there, and nobody wrote it
    reordered: list[str] = field(default_factory=list)  # not in the order in which it was written or accepted
    reused: list[str] = field(default_factory=list)  # one number for two contents
    messages: int = 0
    changes: int = 0  # of them, that were called saved
    refused: int = 0  # changes that were not taken, because somebody else's came first
    longest: float = 0.0  # seconds from seeing a message to seeing that it is saved, or taken back

    @property
    def counts(self) -> dict[str, int]:
        """Return how often each was found."""
        kinds = ("lost", "doubled", "ghost", "gap", "phantom", "reordered", "reused")
        return {kind: len(getattr(self, kind)) for kind in kinds}

    @property
    def clean(self) -> bool:
        """Tell whether nothing was found."""
        return not any(self.counts.values())

    def __str__(self) -> str:
        words = ", ".join(f"{count} {kind}" for kind, count in self.counts.items() if count) or "all zero"
        examples = [found for kind in self.counts for found in getattr(self, kind)[:3]]
        return "\n  ".join([f"{self.messages} messages: {words}", *examples])
