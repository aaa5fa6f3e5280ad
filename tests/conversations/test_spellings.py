"""Two spellings of one phone: matched, never rewritten."""

from __future__ import annotations

import pytest

from conversations.spellings import spellings, twin


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("whatsapp:+5511987654321", "whatsapp:+551187654321"),
        ("+5511987654321", "+551187654321"),
        ("5551998644323", "555198644323"),
        ("whatsapp:+5215512345678", "whatsapp:+525512345678"),
    ],
)
def test_a_phone_may_be_spelt_in_two_ways(one: str, other: str) -> None:
    assert (twin(one), twin(other)) == (other, one)
    assert spellings(one) == [one, other]


@pytest.mark.parametrize(
    "address",
    [
        "whatsapp:+551133334444",  # a landline
        "whatsapp:+5511187654321",
        "whatsapp:+14155238886",
        "whatsapp:+5491123456789",
        "whatsapp:BR.5511987654321",
        "whatsapp:+521551234567",
        "whatsapp:+5511987654321\u0661",
        "",
    ],
)
def test_most_in_one_way_only(address: str) -> None:
    assert twin(address) is None
    assert spellings(address) == [address]
