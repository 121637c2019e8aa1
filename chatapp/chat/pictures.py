"""Pictures: who may upload how many, whether the disk has space for them, and who may see them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

from chatapp.chat.access import Access, Right
from chatapp.chat.limits import Limits
from chatapp.chat.messaging import Messaging
from chatapp.model.conversations import Conversation
from chatapp.model.people import User
from chatapp.model.pictures import PICTURE_BYTES, Picture, StoredPicture
from chatapp.model.refusals import NotFound, Rejected
from chatapp.settings import Settings
from chatapp.store import Busy, Store, Unwritable
from chatapp.workers.images import Images

MEGABYTE = 2**20
_RATE_MARGIN = 0.5  # seconds added to a wait, so that the next attempt is not a moment early


class Pictures:
    """Keep what people upload, and hand it to those who may see it."""

    def __init__(  # noqa: PLR0913 - the parts that a picture passes, in their order
        self,
        settings: Settings,
        access: Access,
        limits: Limits,
        messaging: Messaging,
        images: Images,
        store: Store,
        free_bytes: Callable[[], int],
    ) -> None:
        """``free_bytes`` returns how much disk space is left."""
        self._settings = settings
        self._access = access
        self._limits = limits
        self._messaging = messaging
        self._images = images
        self._store = store
        self._free_bytes = free_bytes

    async def keep(self, owner: User, conversation: Conversation, data: bytes, name: str) -> Picture:
        """Check, re-encode and store a picture that its owner may now post. Raise Rejected or NotFound."""
        self._access.check(owner.id, Right.READ, conversation)
        wait = self._limits.uploads.take(owner.id)
        if wait:
            raise Rejected("rate_limited.pictures", retry_after=round(wait + _RATE_MARGIN, 1))
        self._messaging.refuse_when_unable()  # a picture whose message is refused would stay behind
        self._check_disk_space()
        prepared = await self._images.prepare(data, name, owner.id)
        if self._limits.upload_bytes.take(owner.id, len(prepared.data) + len(prepared.thumb)):
            raise Rejected("upload_quota", limit=self._settings.upload_megabytes)
        try:
            return await self._store.pictures.add(owner.id, conversation, prepared)
        except (Busy, Unwritable) as error:
            raise Rejected("storage") from error

    def _check_disk_space(self) -> None:
        """Keep the last of the disk for messages. Raise Rejected when a picture would take from it."""
        if self._free_bytes() < self._settings.free_megabytes * MEGABYTE:
            raise Rejected("disk_full")

    async def discard(self, pictures: Iterable[Picture]) -> None:
        """Forget pictures that no message took; while nothing can be written, the sweep of orphans does it later."""
        with suppress(Busy, Unwritable):
            await self._store.pictures.discard(picture.id for picture in pictures)

    async def read(self, reader: User, picture_id: str, *, thumbnail: bool) -> StoredPicture:
        """Return one size of a picture. Raise NotFound, also to those who may not read its conversation."""
        picture = await self._store.pictures.read(picture_id, thumbnail=thumbnail)
        if picture is None:
            raise NotFound
        self._access.check(reader.id, Right.READ, picture.conversation)
        return picture


def too_big(name: str) -> Rejected:
    """Return the refusal of a picture with too many bytes."""
    return Rejected("picture_too_big", name=name, limit=PICTURE_BYTES // MEGABYTE)
