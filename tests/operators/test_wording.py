from __future__ import annotations

import pytest
from django.utils import translation

from operators.views import wording


class TestAddress:
    @pytest.mark.parametrize(
        ("address", "shown"),
        [
            ("whatsapp:+5511987654321", "+55 11 98765-4321"),
            ("whatsapp:+551150280000", "+55 11 5028-0000"),
            ("whatsapp:+14155552671", "+1 415-555-2671"),
            ("whatsapp:+15550001234", "+1 555-000-1234"),
            ("whatsapp:+5500935414415", "+55 00 93541-4415"),
            ("whatsapp:+550035414415", "+55 00 3541-4415"),
            ("whatsapp:+351000123456", "+351 00012-3456"),
            ("whatsapp:+5500123", "+55 00123"),
            ("whatsapp:+999123456789", "+999123456789"),
            ("whatsapp:BR.13491208655302741918", "number hidden"),
        ],
    )
    def test_reads_as_it_is_dialled(self, address: str, shown: str) -> None:
        with translation.override("en"):
            assert wording.address(address) == shown
