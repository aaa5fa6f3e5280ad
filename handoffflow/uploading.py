"""The first to see an upload: what is larger than anything that can be sent is not even read."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import FileUploadHandler

from conversations.uploads import LARGEST, MEGABYTE

LARGEST_BODY = LARGEST + MEGABYTE
"""A file and the form around it. A browser is told its file is too large before it sends it."""


class Quota(FileUploadHandler):
    """Looks at the announced length, and at what comes: keeps nothing itself."""

    def handle_raw_input(
        self,
        input_data: Any,
        META: Any,  # noqa: N803 - Django's name
        content_length: int,
        boundary: str,
        encoding: str | None = None,
    ) -> None:
        self._read = 0
        if content_length > LARGEST_BODY:
            raise RequestDataTooBig

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        self._read += len(raw_data)
        if self._read > LARGEST_BODY:
            raise RequestDataTooBig
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None
