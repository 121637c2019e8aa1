"""Recognition of tables and columns by name, whatever the other program called them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from chatapp.model.normal import normalize

# The words that programs use, most telling first, without capitals, marks, blanks and underscores.
USERS = "users user accounts account members member people nguoidung taikhoan thanhvien chatusers appuser userstable"
MESSAGES = """
    messages message chatmessages chatmessage roommessages roommessage publicmessages groupmessages channelmessages
    chats chat chathistory chatlog history msgs msg posts tinnhan
"""
PRIVATE = """
    privatemessages privatemessage directmessages directmessage privatechats privatechat privatemsgs pms pm dms dm
    directs privates private privatechatmessages usermessages tinnhanrieng
"""
ROOMS = "rooms room chatrooms chatroom channels channel groups group chatgroups conversations topics phong phongchat"

_ID = "id messageid msgid userid uid uuid guid pk no stt ma"
_NAME = (
    "username user login loginname account accountname nickname nick name handle displayname tendangnhap taikhoan ten"
)
_HASH = """
    passwordhash password hashedpassword pwdhash pwhash passhash hash passworddigest pwd pass passwd userpassword
    encryptedpassword passwordhashed matkhau
"""
_TIME = """
    timestamp createdat sentat datetime sent created ts createdon senton sendtime senttime messagetime msgtime postedat
    createdtime creationtime createtime timecreated timesent epoch unixtime thoigian ngaygui ngaytao when at date time
    day ngay gio
"""
_JOINED = """
    createdat registeredat joinedat created registered datejoined joindate joined createdon creationdate
    registrationdate signupdate ngaytao ngaydangky timestamp ts datetime date time
"""
_SENDER = """
    sender username sendername senderusername fromuser fromusername from user author authorname nickname name nick
    nguoigui sendby sentby postedby createdby who owner senderid fromid fromuserid userid authorid uid memberid
"""
_RECEIVER = """
    receiver receivername receiverusername recipient recipientname recipientusername touser tousername to target
    targetuser targetusername nguoinhan dest destination sentto receiverid recipientid toid touserid targetid
"""
_CONTENT = "message content text body msg messagetext msgtext messagecontent contents noidung tinnhan chat words data"
_TYPE = "msgtype messagetype type kind contenttype mimetype mime format loai"
_IMAGE = """
    image imagedata img imgdata photo picture pic imagebase64 imageblob imageurl imagepath imgurl attachment filedata
    file fileurl filepath media mediaurl hinhanh anh
"""
_ROOM = (
    "room roomname channel channelname chatroom group groupname topic phong tenphong roomid channelid groupid roomslug"
)

_WANTED = {
    "users": {
        "id": _ID,
        "name": _NAME + " email mail",
        "password": _HASH,
        "salt": "salt passwordsalt",
        "role": "role userrole usertype quyen vaitro",
        "admin": "isadmin admin",
        "time": _JOINED,
    },
    "messages": {
        "id": _ID.replace("userid uid ", ""),
        "room": _ROOM,
        "sender": _SENDER,
        "receiver": _RECEIVER,
        "content": _CONTENT,
        "image": _IMAGE,
        "type": _TYPE,
        "time": _TIME,
        "removed": "deleted isdeleted removed isremoved deletedat removedat",
    },
    "rooms": {
        "id": _ID + " roomid channelid chatroomid groupid topicid code slug",
        "name": "name roomname title label displayname ten tenphong slug",
    },
}
_WANTED["private"] = {use: words for use, words in _WANTED["messages"].items() if use != "room"}
# What a table must have, and how a refusal calls it.
_NEEDED = {
    "users": {"name": "a name", "password": "a password"},
    "messages": {"sender": "a sender", "content": "a text"},
    "private": {"sender": "a sender", "receiver": "a receiver", "content": "a text"},
    "rooms": {"name": "a name"},
}


def folded(name: str) -> str:
    """Return what the spellings of one word have in common: ``createdat`` for "Created_At"."""
    letters = normalize("NFKD", name[:100].casefold().replace("đ", "d"))
    return re.sub(r"[^a-z0-9]", "", letters)


@dataclass(frozen=True, slots=True)
class Table:
    """A table or a view of the old database."""

    name: str
    columns: tuple[str, ...]
    points: dict[str, tuple[str, str]] = field(default_factory=dict)  # foreign keys: column to table and its column
    order: str = ""  # what to sort by for the order in which rows came
    filled: bool = True  # it has rows


@dataclass(frozen=True, slots=True)
class Meaning:
    """A table and its columns by use, the best match first."""

    table: Table
    uses: dict[str, tuple[str, ...]]

    @property
    def columns(self) -> tuple[str, ...]:
        """Return every column that is used, once."""
        return tuple(dict.fromkeys(column for columns in self.uses.values() for column in columns))


def missing(kind: str, table: Table) -> list[str]:
    """Return what a table lacks to be of a kind, in the words of a refusal."""
    uses = _uses(kind, table)
    # A picture, or any other content, can stand in a column of its own.
    return [name for use, name in _NEEDED[kind].items() if not uses[use] and not (use == "content" and uses["image"])]


def find(kind: str, words: str, tables: Iterable[Table]) -> Meaning | None:
    """Return the table that one of these words names best, of those that have what a table of its kind needs.

    One with rows comes before any without: frameworks, and earlier versions of a program, leave empty tables behind.
    """
    ranks = {word: rank for rank, word in enumerate(words.split())}
    named = [table for table in tables if folded(table.name) in ranks and not missing(kind, table)]
    if not named:
        return None
    table = min(named, key=lambda table: (not table.filled, ranks[folded(table.name)]))
    return Meaning(table, _uses(kind, table))


def pointed(table: Table, places: Iterable[str], tables: Iterable[Table]) -> Meaning | None:
    """Return the table of rooms that a foreign key of a table of messages points to."""
    known = {each.name.lower(): each for each in tables}
    for place in places:
        name, column = table.points.get(place, ("", ""))
        other = known.get(name.lower())
        if other and not missing("rooms", other):
            uses = _uses("rooms", other)
            key = tuple(each for each in other.columns if each.lower() == column.lower())
            return Meaning(other, uses | {"id": key or uses["id"], "name": uses["name"] or key})
    return None


def _uses(kind: str, table: Table) -> dict[str, tuple[str, ...]]:
    """Assign each column to the use that it matches best."""
    claims = sorted(
        (rank, order, use, column)
        for order, (use, words) in enumerate(_WANTED[kind].items())
        for column in table.columns
        for rank, word in enumerate(words.split())
        if folded(column) == word
    )
    given: dict[str, str] = {}
    found: dict[str, tuple[str, ...]] = dict.fromkeys(_WANTED[kind], ())
    for _, _, use, column in claims:
        if column not in given:
            given[column] = use
            found[use] = (*found[use], column)
    return found
