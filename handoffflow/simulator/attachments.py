"""The files a simulated customer can send: drawn and recorded here, so that none has to be shipped."""

from __future__ import annotations

import math
import struct
import zlib
from functools import cache

# A 20 ms Opus frame of silence, the smallest that a decoder takes.
_SILENCE = b"\xf8\xff\xfe"
_FRAMES_PER_SECOND = 50
_SAMPLES_PER_FRAME = 960

PAPER, INK, GREEN, DESK = b"\xfb\xfa\xf5", b"\x9a\xa5\xa0", b"\x0a\x6b\x52", b"\xd9\xe4\xde"


@cache
def photo(width: int = 360, height: int = 420) -> tuple[str, bytes]:
    """A picture of a receipt: a sheet with lines, a total and a stamp."""
    rows = b"".join(b"\x00" + _row(y, width, height) for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows, 9)) + _chunk(b"IEND", b"")
    return "image/png", b"\x89PNG\r\n\x1a\n" + body


def _row(y: int, width: int, height: int) -> bytes:
    if not 24 <= y < height - 24:
        return DESK * width
    row = bytearray(DESK * 40 + PAPER * (width - 80) + DESK * 40)
    line, inside = divmod(y - 60, 26)
    if 0 <= line < 7 and inside < 9:
        _draw(row, 64, width - 80 - (line * 53) % 110, GREEN if line == 0 else INK)
    reach = 38**2 - (y - height + 110) ** 2
    if reach > 0:
        half = math.isqrt(reach)
        _draw(row, width // 2 - half, width // 2 + half, GREEN)
    return bytes(row)


def _draw(row: bytearray, start: int, end: int, colour: bytes) -> None:
    row[3 * start : 3 * end] = colour * max(0, end - start)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def audio(seconds: int = 3) -> tuple[str, bytes]:
    """A voice message in which nobody speaks: Ogg with Opus frames, as WhatsApp sends them."""
    head = b"OpusHead" + struct.pack("<BBHIHB", 1, 1, 0, 48000, 0, 0)
    vendor = b"simulator"
    tags = b"OpusTags" + struct.pack("<I", len(vendor)) + vendor + struct.pack("<I", 0)
    pages = [_page(0, [head], position=0, flags=2), _page(1, [tags], position=0)]
    for second in range(seconds):
        position = (second + 1) * _FRAMES_PER_SECOND * _SAMPLES_PER_FRAME
        last = 4 if second == seconds - 1 else 0
        pages.append(_page(2 + second, [_SILENCE] * _FRAMES_PER_SECOND, position=position, flags=last))
    return "audio/ogg", b"".join(pages)


def _page(number: int, packets: list[bytes], *, position: int, flags: int = 0) -> bytes:
    head = struct.pack("<4sBBqIIIB", b"OggS", 0, flags, position, 1, number, 0, len(packets))
    page = head + bytes(len(packet) for packet in packets) + b"".join(packets)
    return page[:22] + struct.pack("<I", _checksum(page)) + page[26:]


def _checksum(data: bytes) -> int:
    """Ogg's CRC: polynomial 0x04C11DB7, most significant bit first, nothing inverted."""
    value = 0
    for byte in data:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1) ^ 0x04C11DB7 if value & 0x80000000 else value << 1
            value &= 0xFFFFFFFF
    return value
