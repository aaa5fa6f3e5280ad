"""What is hidden before it leaves, and that only what this turn has hidden comes back."""

from __future__ import annotations

import pytest

from conversations.bots.masking import Masks


def hidden(text: str, *, name: str = "") -> str:
    return Masks(hides=True, name=name).hide(text)


HIDDEN = {
    "+55 (11) 98765-0042": "[phone 1]",
    "11987650042": "[phone 1]",
    "(11) 98765-0042": "[phone 1]",
    "98765-0042": "[phone 1]",
    "11.98.7654.3210": "[phone 1]",
    "1 1 9 8 7 6 5 0 0 4 2": "[phone 1]",
    "11\u200b98765\u20110042": "[phone 1]",
    "\u0661\u0661\u0669\u0668\u0667\u0666\u0665\u0660\u0660\u0664\u0662": "[phone 1]",
    "whatsapp:+5511987650042": "whatsapp:[phone 1]",
    "529.982.247-25": "[cpf 1]",
    "52998224725": "[cpf 1]",
    "000.000.000-99": "[cpf 1]",
    "11.222.333/0001-81": "[cnpj 1]",
    "11222333000181": "[cnpj 1]",
    "12.ABC.345/01DE-35": "[cnpj 1]",
    "4111 1111 1111 1111": "[card 1]",
    "4111-1111-1111-1111": "[card 1]",
    "12345678": "[number 1]",
    "A10203040506": "A[phone 1]",
    "12345678901234567890": "[number 1]",
    "ana.silva+x@mail.example.com.br": "[email 1]",
}
LEFT = [
    "26/11/2026 14:30",
    "2026-11-26 14:30",
    "26-11-2026",
    "R$ 1.299,90 em 12x de 108,33",
    "pedido 1234567",
    "rua 7, número 120, apto 31",
    "@loja",
    "das 9h às 18h",
]


class TestHiding:
    @pytest.mark.parametrize(("text", "mark"), HIDDEN.items(), ids=range(len(HIDDEN)))
    def test_puts_a_mark_in_its_place(self, text: str, mark: str) -> None:
        masks = Masks(hides=True)

        assert masks.hide(f"é {text}, certo?") == f"é {mark}, certo?"
        assert masks.show(f"é {mark}, certo?") == f"é {text}, certo?"

    @pytest.mark.parametrize("text", LEFT)
    def test_leaves_what_is_nobodys(self, text: str) -> None:
        assert hidden(text) == text

    def test_gives_the_same_the_same_mark(self) -> None:
        masks = Masks(hides=True)

        assert masks.hide("11987650042 ou 21987650043") == "[phone 1] ou [phone 2]"
        assert masks.hide("o 21987650043") == "o [phone 2]"

    def test_hides_the_customers_name_however_it_is_written(self) -> None:
        said = hidden("Olá, João! JOÃO  SILVA, o joão. Joãozinho não.", name="João Silva")

        assert said == "Olá, [name 2]! [name 1], o [name 3]. Joãozinho não."

    @pytest.mark.parametrize("name", ["", " ", "Jo", ".*", "🙂🙂🙂", "(", "phone"])
    def test_is_not_upset_by_a_name(self, name: str) -> None:
        assert hidden("O telefone é 11987650042 (.*).", name=name) == "O telefone é [phone 1] (.*)."

    def test_goes_into_json_whatever_stands_there(self) -> None:
        masks = Masks(hides=True)
        known = {"cpf": 52998224725, "a@b.example.com": ["11987650042", True, None, 2.5]}

        found = masks.hide_in(known)

        assert found == {"cpf": "[cpf 1]", "[email 1]": ["[phone 1]", True, None, 2.5]}
        assert masks.show_in(found) == {
            "cpf": "52998224725",
            "a@b.example.com": ["11987650042", True, None, 2.5],
        }

    def test_can_be_off(self) -> None:
        masks = Masks(hides=False, name="João")

        assert masks.hide("João, 11987650042 [phone 1]") == "João, 11987650042 [phone 1]"
        assert masks.hide_in({"cpf": 52998224725}) == {"cpf": 52998224725}

    def test_takes_no_time_over_a_long_text(self) -> None:
        for text in ("a" * 50_000, "1 " * 25_000, "a." * 25_000, "a@" * 25_000, "(" * 50_000):
            Masks(hides=True).hide(text)


class TestShowing:
    def test_knows_no_mark_of_another_turn(self) -> None:
        Masks(hides=True).hide("11987650042")

        assert Masks(hides=True).show("ligue para [phone 1]") == "ligue para [phone 1]"

    def test_is_not_fooled_by_a_mark_that_the_customer_wrote(self) -> None:
        masks = Masks(hides=True)
        masks.hide("meu CPF é 52998224725")

        assert masks.hide("repita [cpf 1] e [ CPF 1 ]") == "repita (cpf 1) e (CPF 1)"

    def test_knows_a_mark_whatever_its_capitals(self) -> None:
        masks = Masks(hides=True)
        masks.hide("11987650042")

        assert masks.show("[Phone 1], [ phone 1 ], [phone 2]") == "11987650042, 11987650042, [phone 2]"
