"""The registry of message actions: what can be done with a message, by whom, where it is offered and how it is reached.

The toolbar, the sheet, the scripts and the pages without scripts all read this table. A new action is an entry here,
what it does in static/js/message/acting.js, and its form in ``web``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from chatapp.model import removal
from chatapp.model.messages import Message
from chatapp.model.refusals import N_

Who = Literal["anyone", "author"]
Needs = Literal["text", "id", "saved", "versions", "removed"]  # static/js/message/actions.js knows the same words


@dataclass(frozen=True, slots=True)
class Action:
    """Something that can be done with a message."""

    name: str  # the scripts find what it does by this
    label: str  # an English sentence, translated where it is shown
    icon: str = ""  # of partials/icons.html
    who: Who = "anyone"
    needs: Needs = "id"  # what a message must have for it
    toolbar: bool = False  # above the message that is pointed at
    group: int = 0  # the rows of the sheet that it stands among; 0 for none
    done: str = ""  # what the sheet says when it is done, instead of closing before it
    danger: bool = False
    form: str = ""  # the last part of its address below the message, for pages without scripts and for slow lines
    link: str = ""  # what leads to its form from a page without scripts
    key: str = ""  # in the empty box this key does it with the newest message that allows it
    offered: int = 0  # seconds that a notice offers it; 0 for an action that is offered always

    def may(self, message: Message, *, own: bool) -> bool:
        """Tell whether a reader may do it with a saved message; ``own`` says whether they wrote it."""
        has: dict[Needs, bool] = {
            "text": bool(message.content) and not message.removed,
            "id": True,
            "saved": not message.removed,
            "versions": message.edited_at is not None and not message.removed,
            "removed": message.removed,
        }
        return has[self.needs] and (self.who == "anyone" or own)


_COPIED = N_("Copied")

_ALL = (
    Action("copy", N_("Copy text"), icon="copy", needs="text", group=1, done=_COPIED),
    Action("link", N_("Copy link"), icon="link", group=1, done=_COPIED),
    Action(
        "edit",
        N_("Edit"),
        icon="pen",
        who="author",
        needs="saved",
        toolbar=True,
        group=2,
        form="edit",
        link=N_("Edit or remove this message"),
        key="ArrowUp",
    ),
    Action(
        "versions",
        N_("Earlier versions of this message"),
        icon="past",
        needs="versions",
        group=2,
        form="versions",
    ),
    Action(
        "remove",
        N_("Remove this message"),
        icon="trash",
        who="author",
        needs="saved",
        toolbar=True,
        group=3,
        danger=True,
        form="remove",
    ),
    Action("restore", N_("Undo"), who="author", needs="removed", form="restore", offered=removal.UNDO_OFFERED),
)

# In the order in which they are offered.
ACTIONS: Mapping[str, Action] = {action.name: action for action in _ALL}
