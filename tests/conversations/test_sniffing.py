"""What strangers' files are taken for, and that none of them breaks what looks at it."""

from __future__ import annotations

import io
import random
import struct
import zlib

import pytest

from conversations import sniffing, vcards
from handoffflow.simulator import attachments as pictures

PNG, OGG = pictures.photo()[1], pictures.audio()[1]
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xd9"
WEBP = b"RIFF\x24\x00\x00\x00WEBPVP8 \x18\x00\x00\x00"
MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"
ZIP = b"PK\x03\x04\x14\x00\x06\x00" + b"\x00" * 60
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600
CARD = b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Marina\r\nTEL:+551191\r\nEND:VCARD\r\n"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
BIN = sniffing.UNKNOWN
HTML = b"<!doctype html><script>alert(1)</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'


def bomb(width: int, height: int) -> bytes:
    """A picture that says it is larger than any memory."""
    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    chunk = b"IHDR" + head
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))


CASES = [
    (PNG, "image/png", "image/png"),
    (PNG, "image/jpeg", "image/png"),
    (PNG, "application/octet-stream", "image/png"),
    (PNG, "text/html", "image/png"),
    (PNG, "", "image/png"),
    (PNG + HTML, "image/png", "image/png"),
    (JPEG, "image/jpg", "image/jpeg"),
    (JPEG, "image/jpeg; charset=binary", "image/jpeg"),
    (JPEG, "IMAGE/JPEG", "image/jpeg"),
    (WEBP, "image/webp", "image/webp"),
    (OGG, "audio/ogg", "audio/ogg"),
    (OGG, "audio/ogg; codecs=opus", "audio/ogg"),
    (OGG, "image/png", BIN),
    (MP4, "video/mp4", "video/mp4"),
    (MP4, "audio/mp4", "audio/mp4"),
    (MP4, "audio/aac", "audio/aac"),
    (MP4, "image/jpeg", BIN),
    (b"#!AMR\n\x3c", "audio/amr", "audio/amr"),
    (b"ID3\x03\x00\x00\x00\x00\x00\x00", "audio/mpeg", "audio/mpeg"),
    (b"%PDF-1.7\n", "application/pdf", "application/pdf"),
    (b"%PDF-1.7\n", "", "application/pdf"),
    (ZIP, DOCX, DOCX),
    (ZIP, "application/zip", BIN),
    (OLE, "application/msword", "application/msword"),
    (CARD, "text/vcard", "text/vcard"),
    (CARD, "text/x-vcard", "text/vcard"),
    (HTML, "image/png", BIN),
    (HTML, "text/html", BIN),
    (HTML, "text/vcard", BIN),
    (b"  \n\t<script>", "image/gif", BIN),
    (SVG, "image/svg+xml", BIN),
    (SVG, "image/png", BIN),
    (b"<?xml version='1.0'?><svg/>", "image/jpeg", BIN),
    (b"GIF89a/*<script>alert(1)</script>*/", "text/html", "image/gif"),
    (b"MZ\x90\x00", "application/pdf", BIN),
    (b"\x7fELF", "image/png", BIN),
    (b"#!/bin/sh\nrm -rf /", "image/png", BIN),
    (b"hello", "text/plain", BIN),
    (b"hello", "image/png", BIN),
    (b"\x00" * 64, "video/mp4", BIN),
    (b"\xff", "image/jpeg", BIN),
    (b"\x89PNG", "application/x-msdownload", BIN),
    (b"", "image/png", BIN),
]


@pytest.mark.parametrize(("head", "declared", "expected"), CASES, ids=map(str, range(len(CASES))))
def test_the_bytes_decide(head: bytes, declared: str, expected: str) -> None:
    assert sniffing.media_type(head, declared) == expected


def _hostile() -> list[tuple[str, bytes]]:
    dice = random.Random(5)  # noqa: S311
    cut = [(kind, whole[:length]) for kind, whole in WHOLES for length in (1, 9, 20, 28)]
    bent = [(kind, _bend(whole, dice)) for kind, whole in WHOLES for _time in range(6)]
    sizes = [
        ("image/png", bomb(w, h)) for w, h in ((0, 0), (2**31 - 1, 2**31 - 1), (1, 2**31 - 1), (60_000, 2))
    ]
    noise = [(kind, dice.randbytes(300)) for kind, _whole in WHOLES]
    return cut + bent + sizes + noise


WHOLES = [
    ("image/png", PNG), ("image/jpeg", JPEG), ("image/webp", WEBP),
    ("image/gif", b"GIF89a\x05\x00\x05\x00" + b"\x00" * 40),
    ("audio/ogg", OGG), ("audio/mp4", MP4), ("audio/mpeg", b"\xff\xfb\x90\x00" * 40), ("text/vcard", CARD),
    ("audio/wav", b"RIFF\xff\xff\xff\xffWAVEfmt \x10\x00\x00\x00" + b"\x00" * 20),
]  # fmt: skip


def _bend(whole: bytes, dice: random.Random) -> bytes:
    bent = bytearray(whole)
    for _change in range(8):
        bent[dice.randrange(len(bent))] = dice.randrange(256)
    return bytes(bent)


@pytest.mark.parametrize(("kind", "content"), _hostile(), ids=map(str, range(len(_hostile()))))
def test_a_broken_file_only_tells_nothing(kind: str, content: bytes) -> None:
    found = sniffing.facts(io.BytesIO(content), kind)
    assert 0 < found.get("width", 1) <= sniffing.LARGEST_SIDE
    assert 0 < found.get("seconds", 1) < sniffing.LONGEST_SECONDS
    assert sniffing.media_type(content[: sniffing.HEAD], kind) in {kind, BIN, *sniffing.SHOWN}


def test_what_whole_files_tell() -> None:
    assert sniffing.facts(io.BytesIO(PNG), "image/png") == {"width": 360, "height": 420}
    assert sniffing.facts(io.BytesIO(OGG), "audio/ogg") == {"seconds": 3.0}
    assert sniffing.facts(io.BytesIO(CARD), "text/vcard") == {
        "contacts": [{"name": "Marina", "phones": ["+551191"]}]
    }


@pytest.mark.parametrize(
    ("disposition", "body", "name"),
    [
        ('attachment; filename="nota.pdf"', "", "nota.pdf"),
        ("attachment; filename*=UTF-8''conta%20%C3%A1gua.pdf", "", "conta água.pdf"),
        ('inline; filename="../../etc/passwd"', "", "passwd"),
        ('inline; filename="C:\\\\x\\\\y.pdf"', "", "y.pdf"),
        ('inline; filename="fdp.\u202egpj"', "", "fdp.gpj"),
        ('inline; filename="a\r\nSet-Cookie: x=1.pdf"', "", "a Set-Cookie_ x=1.pdf"),
        ("inline", "boleto.pdf", "boleto.pdf"),
        ("inline", "segue o boleto. obrigado", ""),
        ("inline", "veja https://x.com/a.pdf", ""),
        ("", "", ""),
        ('attachment; filename="' + "x" * 500 + '.pdf"', "", "x" * 116 + ".pdf"),
        ("garbage;;;===", "", ""),
    ],
)
def test_a_name_comes_tame(disposition: str, body: str, name: str) -> None:
    assert sniffing.file_name(disposition, body) == name


@pytest.mark.parametrize(
    ("name", "kind", "saved"),
    [
        ("nota.pdf", "application/pdf", "nota.pdf"),
        ("foto.JPEG", "image/jpeg", "foto.JPEG"),
        ("fatura.pdf.exe", BIN, "fatura.pdf.exe.bin"),
        ("page.html", BIN, "page.html.bin"),
        ("", "audio/ogg", "file.ogg"),
        ("x" * 119, "application/pdf", "x" * 115 + ".pdf"),
    ],
)
def test_what_is_saved_is_called_what_it_is(name: str, kind: str, saved: str) -> None:
    assert sniffing.saved_as(name, kind) == saved


@pytest.mark.parametrize(
    ("text", "cards"),
    [
        ("BEGIN:VCARD\nFN:Ana\nEND:VCARD", [("Ana", [])]),
        (
            "BEGIN:VCARD\nN:Alves;Marina;;;\nTEL;TYPE=CELL:+55 11 9\nEND:VCARD",
            [("Marina Alves", ["+55 11 9"])],
        ),
        ("BEGIN:VCARD\nitem1.TEL;waid=5511:tel:+5511\nEND:VCARD", [("", ["+5511"])]),
        ("BEGIN:VCARD\nFN:Jo\n  ão\nEND:VCARD", [("Jo ão", [])]),
        ("BEGIN:VCARD\nFN;ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:Jo=C3=A3o\nEND:VCARD", [("João", [])]),
        ("BEGIN:VCARD\nFN:A\nEND:VCARD\nBEGIN:VCARD\nFN:B\nEND:VCARD", [("A", []), ("B", [])]),
        ("FN:nobody", []),
        ("BEGIN:VCARD\nEND:VCARD", []),
        ("", []),
    ],
)
def test_contact_cards_are_read(text: str, cards: list[tuple[str, list[str]]]) -> None:
    assert [(card["name"], card["phones"]) for card in vcards.read(text.encode())] == cards
