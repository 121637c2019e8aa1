"""Who may do what in which conversation: decided here, at once and from memory, and nowhere else.

Everything that reads, writes or delivers asks here. Rights are loaded at the start; code that changes one commits it
first and then updates this module, so what is in memory is always on disk.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from enum import Enum, auto

from chatapp.model import names
from chatapp.model.conversations import Conversation, Kind
from chatapp.model.marks import Counts
from chatapp.model.people import User
from chatapp.model.refusals import NotFound, Rejected
from chatapp.model.rooms import Room
from chatapp.store import Store


class Right(Enum):
    """What somebody may do in a conversation."""

    READ = auto()  # see its messages, pictures and counts; be there, be told of news, type
    POST = auto()
    REVISE = auto()  # change or remove one's own messages


@dataclass(frozen=True, slots=True)
class Found:
    """A conversation as one of its readers finds it: a room, or what they have with another person."""

    conversation: Conversation
    room: Room | None = None
    person: User | None = None


class Access:
    """The rights of everybody, in memory."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rooms: dict[str, Room] = {}  # in the order of the list
        self._members: dict[str, frozenset[int]] = {}  # user ids, of the rooms that are not open to everybody
        self._left: set[int] = set()  # who has deleted their account

    async def load(self) -> None:
        """Learn the rights from the store. Raise Busy or Unwritable."""
        for room in await self._store.conversations.all_rooms():
            self.admit(room)
        self._left = await self._store.accounts.deleted()

    def admit(self, room: Room, members: Iterable[int] | None = None) -> None:
        """Know a room, and who its members are; None: it is open to everybody."""
        self._rooms[room.id] = room
        if members is None:
            self._members.pop(room.id, None)
        else:
            self._members[room.id] = frozenset(members)

    def departed(self, user_id: int) -> None:
        """Record that a user has deleted their account, so that nothing is sent to them."""
        self._left.add(user_id)

    # --- the decision -----------------------------------------------------------------------------------------------

    def may(self, user_id: int, right: Right, conversation: Conversation) -> bool:
        """Tell whether somebody has a right in a conversation."""
        if conversation.kind is Kind.DIRECT:
            reads = user_id in conversation.members
            return reads and (right is not Right.POST or conversation.other(user_id) not in self._left)
        members = self._members.get(conversation.key)
        return conversation.key in self._rooms and (members is None or user_id in members)

    def admits(self, user_id: int, conversation: Conversation) -> bool:
        """Tell whether somebody may read a conversation."""
        return self.may(user_id, Right.READ, conversation)

    def check(self, user_id: int, right: Right, conversation: Conversation) -> None:
        """Raise NotFound if a user may not even read a conversation, Rejected if they lack another right."""
        if not self.may(user_id, right, conversation):
            raise Rejected("left") if self.admits(user_id, conversation) else NotFound

    # --- what somebody may read, and who may read something ---------------------------------------------------------

    def readable(self, user_id: int) -> list[Room]:
        """Return the rooms that somebody may read, in the order of the list."""
        return [room for room in self._rooms.values() if user_id in self._members.get(room.id, (user_id,))]

    def readers(self, conversation: Conversation) -> Collection[int] | None:
        """Return the ids of those who may read a conversation; None: everybody."""
        if conversation.kind is Kind.DIRECT:
            return set(conversation.members)
        return self._members.get(conversation.key, () if conversation.key not in self._rooms else None)

    def partner(self, user_id: int, conversation: Conversation) -> int | None:
        """Return the id of the person whom somebody talks to in a direct conversation; None for a room."""
        return conversation.other(user_id) if conversation.kind is Kind.DIRECT else None

    def counted(self, user_id: int, counts: Counts) -> Counts:
        """Return counts without those of rooms that a person may not read."""
        hidden = {room for room, members in self._members.items() if user_id not in members}
        if not hidden:
            return counts
        unread = {key: count for key, count in counts.unread.items() if key not in hidden}
        reads = {key: mark for key, mark in counts.reads.items() if key not in hidden}
        return replace(counts, unread=unread, reads=reads, last=None if counts.last in hidden else counts.last)

    # --- finding ----------------------------------------------------------------------------------------------------

    async def find(self, user: User, *, room: object = None, direct: object = None) -> Found:
        """Return what a room's id or a person's name leads a user to. Raise NotFound, Busy or Unwritable."""
        if isinstance(room, str):
            return self._room(user, room)
        if isinstance(direct, str) and names.may_exist(direct):
            person = await self._store.accounts.named(direct, names.key(direct))
            if person is not None and (not person.left or await self._have_talked(user, person)):
                return Found(Conversation.direct(user.id, person.id), person=person)
        raise NotFound

    async def at(self, user: User, key: str) -> Found | None:
        """Return the conversation of a key; None if the user may not read it, or if it is gone."""
        return await self._found(user, Conversation.from_key(key))

    async def of_message(self, user: User, message_id: int) -> Found:
        """Return the conversation of a message. Raise NotFound."""
        for conversation in await self._store.conversations.of_message(message_id):
            if (found := await self._found(user, conversation)) is not None:
                return found
        raise NotFound

    def first(self, user: User) -> Found:
        """Return the conversation that a user starts in if none was requested. Raise NotFound."""
        for room in self.readable(user.id):
            return self._room(user, room.id)
        raise NotFound

    async def _found(self, user: User, conversation: Conversation) -> Found | None:
        if not self.admits(user.id, conversation):
            return None
        if conversation.kind is Kind.ROOM:
            return self._room(user, conversation.key)
        person = await self._store.accounts.user(conversation.other(user.id))
        return Found(conversation, person=person) if person is not None else None

    def _room(self, user: User, room_id: str) -> Found:
        conversation = Conversation(room_id)
        self.check(user.id, Right.READ, conversation)
        return Found(conversation, room=self._rooms[room_id])

    async def _have_talked(self, user: User, person: User) -> bool:
        """Tell whether two people have talked: only then can a person who has left be found."""
        return Conversation.direct(user.id, person.id) in await self._store.conversations.of_user(user.id)
