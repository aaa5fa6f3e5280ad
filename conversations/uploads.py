"""What people attach: looked at before anything is promised, stored before anything is said.

Limits and kinds are WhatsApp's through Twilio: one file per message, 16 MB, pictures 5 MB. What would be refused there
is refused here, while whoever sends it can still choose another.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from os import SEEK_END
from typing import IO, Any, cast
from uuid import UUID, uuid4

from django.core import signing
from django.core.files import File
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile

from conversations import errors, sniffing
from conversations.models import Attachment, AttachmentState, Conversation, Kind, Message, UnsentFile
from conversations.models.attachment import unguessable
from conversations.models.unsent import KEPT

MEGABYTE = 1024 * 1024
LARGEST, LARGEST_PICTURE = 16 * MEGABYTE, 5 * MEGABYTE
LINK_SECONDS = 5 * 3600
"""How long Twilio may fetch a file: it keeps a message for up to four hours before it sends it."""
SALT = "twilio.media"
_WEBM = b"\x1a\x45\xdf\xa3"

KINDS: dict[str, Kind] = {
    "image/jpeg": Kind.IMAGE,
    "image/png": Kind.IMAGE,
    "image/webp": Kind.STICKER,
    "audio/ogg": Kind.AUDIO,
    "audio/mpeg": Kind.AUDIO,
    "audio/mp4": Kind.AUDIO,
    "audio/aac": Kind.AUDIO,
    "audio/amr": Kind.AUDIO,
    "video/mp4": Kind.VIDEO,
    "video/3gpp": Kind.VIDEO,
    "text/vcard": Kind.CONTACT,
    **{kind: Kind.DOCUMENT for kind in sniffing.DOCUMENTS if kind != "text/vcard"},
}
CAPTIONED = {Kind.IMAGE, Kind.VIDEO}
"""With these a text goes along; with anything else it follows as a message of its own."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A stored file that a message may take along; ``file`` is its place in the storage, ``unsent`` the row in which
    it waits where it was uploaded beforehand."""

    kind: Kind
    media_type: str
    name: str
    size: int
    facts: dict[str, Any]
    file: str
    public_id: UUID = field(default_factory=uuid4)
    unsent: int | None = None

    def attachment(self, message: Message) -> Attachment:
        """Its row, not saved yet."""
        return Attachment(
            message=message,
            public_id=self.public_id,
            state=AttachmentState.STORED,
            content_type=self.media_type,
            media_type=self.media_type,
            name=self.name,
            size=self.size,
            facts=self.facts,
            file=self.file,
        )


@contextmanager
def taken(file: UploadedFile[Any] | None) -> Iterator[Upload | None]:
    """The file as it can be sent, stored while a message is made of it; gone again if none was.

    FileRefused says why it cannot be sent.
    """
    if file is None:
        yield None
        return
    upload = _store(cast(IO[bytes], file), file.name or "", file.content_type or "")
    try:
        yield upload
    finally:
        if not Attachment.objects.filter(file=upload.file).exists():
            default_storage.delete(upload.file)


def keep(conversation: Conversation, file: UploadedFile[Any], *, now: datetime) -> UnsentFile:
    """Store a file that a later message in this conversation is to take along. FileRefused as for ``taken``.

    The row is there before its file, so that no file belongs to no row; nobody knows its id until both are.
    """
    content, found = _looked_at(cast(IO[bytes], file), file.name or "", file.content_type or "")
    row = UnsentFile.objects.create(
        conversation=conversation,
        kind=found.kind,
        media_type=found.media_type,
        name=found.name,
        size=found.size,
        facts=found.facts,
        file=found.file,
        due_at=now + KEPT,
    )
    _write(content, found)
    return row


def kept(
    conversation: Conversation, public_id: UUID, *, now: datetime, client_key: str | None = None
) -> Upload:
    """What was uploaded under this id, or what this very ``client_key`` has sent of it before; else UnknownFile."""
    row = UnsentFile.objects.ready(now).filter(conversation=conversation, public_id=public_id).first()
    if row is not None:
        return Upload(
            Kind(row.kind), row.media_type, row.name, row.size, row.facts, str(row.file), public_id, row.pk
        )
    sent = Attachment.objects.select_related("message").filter(
        public_id=public_id,
        message__conversation=conversation,
        message__client_key=client_key,
        message__client_key__isnull=False,
    )
    if not (again := sent.first()):
        raise errors.UnknownFile
    kind = Kind(again.message.kind)
    return Upload(kind, again.media_type, again.name, again.size, again.facts, str(again.file), public_id, 0)


def take_along(upload: Upload, message: Message) -> None:
    """Make it this message's file. One that waited for it is taken once: UnknownFile to whoever comes second."""
    if upload.unsent is not None:
        waiting = UnsentFile.objects.filter(pk=upload.unsent, lease_number=0)
        if not waiting.delete()[0]:
            raise errors.UnknownFile
    upload.attachment(message).save(force_insert=True)


def _store(file: IO[bytes], name: str, declared: str) -> Upload:
    content, found = _looked_at(file, name, declared)
    _write(content, found)
    return found


def _write(content: IO[bytes], found: Upload) -> None:
    content.seek(0)
    default_storage.save(found.file, File(content))  # under this very name: nobody else could have chosen it


def _looked_at(file: IO[bytes], name: str, declared: str) -> tuple[IO[bytes], Upload]:
    """What is to be stored, and what it is; its place is chosen, and empty yet."""
    if _is_recording(file, declared):
        file, name, declared = BytesIO(_rewrapped(file)), "", "audio/ogg"
    size = file.seek(0, SEEK_END)
    media_type = _check(file, size, declared)
    file.seek(0)
    facts = sniffing.facts(file, media_type)
    return file, Upload(KINDS[media_type], media_type, sniffing.tame(name), size, facts, unguessable())


def _check(file: IO[bytes], size: int, declared: str) -> str:
    if not size:
        raise errors.FileRefused(reason="empty")
    if size > LARGEST:
        raise errors.FileRefused(reason="too_big", limit=LARGEST // MEGABYTE)
    file.seek(0)
    media_type = sniffing.media_type(file.read(sniffing.HEAD), declared)
    if media_type not in KINDS:
        raise errors.FileRefused(reason="kind")
    if KINDS[media_type] in {Kind.IMAGE, Kind.STICKER} and size > LARGEST_PICTURE:
        raise errors.FileRefused(reason="too_big", limit=LARGEST_PICTURE // MEGABYTE)
    return media_type


def _is_recording(file: IO[bytes], declared: str) -> bool:
    """A browser's recording is Opus in WebM; WhatsApp takes the same Opus in Ogg."""
    file.seek(0)
    return declared.startswith("audio/webm") and file.read(len(_WEBM)) == _WEBM


def can_rewrap() -> bool:
    """Whether a recording that comes as WebM can be sent: PyAV is an extra of this installation."""
    return importlib.util.find_spec("av") is not None


def _rewrapped(file: IO[bytes]) -> bytes:
    """The same sound in another wrapping: nothing is encoded anew."""
    try:
        import av
    except ImportError as missing:
        raise errors.FileRefused(reason="voice") from missing
    out = BytesIO()
    file.seek(0)
    try:
        with av.open(file, "r", format="webm") as source, av.open(out, "w", format="ogg") as target:
            sound = source.streams.audio[0]
            if sound.codec_context.name not in {"opus", "libopus"}:
                raise errors.FileRefused(reason="kind")
            track = target.add_stream_from_template(sound)
            for packet in source.demux(sound):
                if packet.dts is not None:
                    packet.stream = track
                    target.mux(packet)
    except (av.FFmpegError, IndexError, ValueError) as broken:
        raise errors.FileRefused(reason="broken") from broken
    return out.getvalue()


def token(attachment: UUID) -> str:
    """What lets Twilio fetch one file for a while, and nobody else anything."""
    return signing.dumps(attachment.hex, salt=SALT)


def find(token: str) -> Attachment | None:
    """The stored file that a token stands for, while it is good."""
    try:
        public_id = UUID(signing.loads(token, salt=SALT, max_age=LINK_SECONDS))
    except (signing.BadSignature, ValueError, TypeError, AttributeError):
        return None
    return Attachment.objects.filter(public_id=public_id, state=AttachmentState.STORED).first()
