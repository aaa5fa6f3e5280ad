"""What a file is, by its own bytes: nobody's word decides how a browser is told to treat it."""

from __future__ import annotations

import re
import unicodedata
from email.message import Message as Header
from typing import IO, Any, BinaryIO, cast

import imagesize
import puremagic
from tinytag import TinyTag

from conversations import vcards

HEAD = 8192
"""Bytes that are looked at to tell the kind."""
UNKNOWN = "application/octet-stream"
LONGEST_NAME = 120
LARGEST_SIDE, LONGEST_SECONDS, LARGEST_CARD = 50_000, 24 * 3600, 256 * 1024
_LEAST = 0.2

_MP4 = {"video/mp4", "audio/mp4", "audio/x-m4a", "video/3gpp", "video/quicktime"}
_ZIP = {"application/zip", "application/x-zip-compressed"}
_OFFICE = "application/vnd.openxmlformats-officedocument."
_OLE = {"application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint"}

SHOWN: dict[str, set[str]] = {
    "image/jpeg": {"image/jpeg"},
    "image/png": {"image/png"},
    "image/gif": {"image/gif"},
    "image/webp": {"image/webp"},
    "audio/ogg": {"application/ogg", "audio/ogg", "video/ogg"},
    "audio/mpeg": {"audio/mpeg"},
    "audio/mp4": _MP4,
    "audio/aac": {"audio/aac", *_MP4},
    "audio/amr": {".amr"},
    "audio/wav": {"audio/wav", "audio/x-wav", "audio/wave"},
    "video/mp4": _MP4,
    "video/3gpp": _MP4,
}
"""What a page may draw or play, with what the bytes may look like then."""
DOCUMENTS: dict[str, set[str]] = {
    "application/pdf": {"application/pdf"},
    f"{_OFFICE}wordprocessingml.document": {f"{_OFFICE}wordprocessingml.document", *_ZIP},
    f"{_OFFICE}spreadsheetml.sheet": {f"{_OFFICE}spreadsheetml.sheet", *_ZIP},
    f"{_OFFICE}presentationml.presentation": {f"{_OFFICE}presentationml.presentation", *_ZIP},
    "application/msword": _OLE,
    "application/vnd.ms-excel": _OLE,
    "application/vnd.ms-powerpoint": _OLE,
    "text/vcard": {"text/vcard"},
}
"""What is only ever downloaded, under its own name."""
EXTENSIONS = {
    "image/jpeg": ".jpg", "image/png": ".png", "image/gif": ".gif", "image/webp": ".webp",
    "audio/ogg": ".ogg", "audio/mpeg": ".mp3", "audio/mp4": ".m4a", "audio/aac": ".aac", "audio/amr": ".amr",
    "audio/wav": ".wav", "video/mp4": ".mp4", "video/3gpp": ".3gp", "application/pdf": ".pdf",
    f"{_OFFICE}wordprocessingml.document": ".docx", f"{_OFFICE}spreadsheetml.sheet": ".xlsx",
    f"{_OFFICE}presentationml.presentation": ".pptx", "application/msword": ".doc",
    "application/vnd.ms-excel": ".xls", "application/vnd.ms-powerpoint": ".ppt", "text/vcard": ".vcf",
    UNKNOWN: ".bin",
}  # fmt: skip
_ALSO = {
    "image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg", "audio/mp3": "audio/mpeg", "audio/opus": "audio/ogg",
    "application/ogg": "audio/ogg", "audio/x-m4a": "audio/mp4", "audio/m4a": "audio/mp4", "audio/x-wav": "audio/wav",
    "audio/3gpp": "video/3gpp", "text/x-vcard": "text/vcard", "text/directory": "text/vcard",
}  # fmt: skip


def media_type(head: bytes, declared: str) -> str:
    """What to serve a file as that begins with ``head``: what it was declared, where its bytes bear that out; else what
    kind of picture it is; else UNKNOWN, which no browser opens."""
    looks = _looks(head)
    bare = declared.partition(";")[0].strip().lower()
    wanted = _ALSO.get(bare, bare)
    if looks & {**SHOWN, **DOCUMENTS}.get(wanted, set()):
        return wanted
    pictures = [kind for kind in SHOWN if kind.startswith("image/") and looks & SHOWN[kind]]
    if pictures:
        return pictures[0]
    return "application/pdf" if "application/pdf" in looks else UNKNOWN


def _looks(head: bytes) -> set[str]:
    """The kinds these bytes may be of."""
    try:
        found = puremagic.magic_string(head)
    except (puremagic.PureError, ValueError, IndexError):
        return set()
    sure = [one for one in found if one.confidence >= _LEAST]
    return {one.mime_type for one in sure} | {one.extension for one in sure if not one.mime_type}


def facts(file: IO[bytes], media_type: str) -> dict[str, Any]:
    """What a page needs to know before it loads the file: a picture's size, a recording's length, a card's people.

    Whatever is wrong with a stranger's file, it only means that nothing is known.
    """
    try:
        if media_type.startswith("image/"):
            return _pixels(file)
        if media_type.startswith(("audio/", "video/")):
            return _length(file, media_type)
        return {"contacts": vcards.read(file.read(LARGEST_CARD))} if media_type == "text/vcard" else {}
    except Exception:  # noqa: BLE001 - readers of other people's formats fail in every way
        return {}


def _pixels(file: IO[bytes]) -> dict[str, Any]:
    width, height = imagesize.get(file)
    sane = 0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE
    return {"width": int(width), "height": int(height)} if sane else {}


def _length(file: IO[bytes], media_type: str) -> dict[str, Any]:
    found = TinyTag.get(f"file{EXTENSIONS[media_type]}", file_obj=cast(BinaryIO, file), tags=False)
    seconds = round(found.duration or 0, 1)
    return {"seconds": seconds} if 0 < seconds < LONGEST_SECONDS else {}


def file_name(disposition: str, body: str = "") -> str:
    """The name that came with a file: from the header, else from a text that is nothing but a name; "" if none did."""
    header = Header()
    try:
        header["Content-Disposition"] = disposition.replace("\n", " ").replace("\r", " ")
        given = header.get_filename() or ""
    except (ValueError, LookupError, TypeError):
        given = ""
    looks_like_one = re.fullmatch(r"[^\n/\\]{1,100}\.[A-Za-z0-9]{2,4}", body.strip())
    return tame(given or (body.strip() if looks_like_one else ""))


def tame(name: str) -> str:
    """A file's name without a path and without characters that hide or turn round what it says."""
    bare = re.split(r"[/\\]", name)[-1]
    kept = "".join(char for char in bare if unicodedata.category(char)[0] != "C")
    kept = re.sub(r'[<>:"|?*]', "_", " ".join(kept.split())).strip(". ")
    stem, dot, extension = kept.rpartition(".")
    longest = LONGEST_NAME - len(extension) - 1
    return f"{stem[:longest]}.{extension}" if dot and len(extension) <= 10 else kept[:LONGEST_NAME]


def saved_as(name: str, media_type: str) -> str:
    """The name a download gets: its own, with an extension that agrees with what it is."""
    extension = EXTENSIONS.get(media_type, ".bin")
    if not name:
        return f"file{extension}"
    same = {".jpg": (".jpg", ".jpeg")}.get(extension, (extension,))
    return name if name.lower().endswith(same) else f"{name[: LONGEST_NAME - 5]}{extension}"
