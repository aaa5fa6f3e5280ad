"""A file, or the part of it that was asked for: without parts no player can jump to the middle of a recording."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import IO

from django.http import FileResponse, HttpResponse, HttpResponseBase, StreamingHttpResponse

CHUNK = 64 * 1024
_ONE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})\Z")


def response(file: IO[bytes], size: int, wanted: str) -> HttpResponseBase:
    """200 with everything, 206 with one part, 416 when there is none; several parts at once get it all (RFC 9110)."""
    asked = _ONE.match(wanted.strip())
    if asked is None or asked.groups() == ("", ""):
        answer: HttpResponseBase = FileResponse(file)
        answer["Content-Length"] = str(size)
    else:
        answer = _part(file, size, asked[1], asked[2])
    answer["Accept-Ranges"] = "bytes"
    return answer


def _part(file: IO[bytes], size: int, first: str, last: str) -> HttpResponseBase:
    begin = int(first) if first else max(size - int(last), 0)
    end = min(int(last), size - 1) if first and last else size - 1
    if begin > end:
        file.close()
        refused = HttpResponse(status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
        refused["Content-Range"] = f"bytes */{size}"
        return refused
    answer = StreamingHttpResponse(_Part(file, begin, end - begin + 1), status=HTTPStatus.PARTIAL_CONTENT)
    answer["Content-Length"] = str(end - begin + 1)
    answer["Content-Range"] = f"bytes {begin}-{end}/{size}"
    return answer


class _Part:
    """``length`` bytes from ``begin`` on; Django closes it with the response."""

    def __init__(self, file: IO[bytes], begin: int, length: int) -> None:
        self._file, self._left = file, length
        file.seek(begin)

    def __iter__(self) -> Iterator[bytes]:
        while self._left > 0 and (piece := self._file.read(min(CHUNK, self._left))):
            self._left -= len(piece)
            yield piece

    def close(self) -> None:
        self._file.close()
