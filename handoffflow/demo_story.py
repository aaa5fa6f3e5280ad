"""What the demo's customers want. Product texts of a shop that does not exist, in the language of its customers."""

from __future__ import annotations

from datetime import datetime

from conversations.bots.base import HandoffRequest
from conversations.models import Sender
from handoffflow.demo_thread import Thread
from operators.models import Operator

DAY = 24 * 60
MENU = (
    "Como posso ajudar? Responda com o número ou escreva o assunto:\n1. Horário de atendimento\n"
    "2. Endereço e entrega\n3. 2ª via de boleto\n4. Falar com atendente\n\n"
    "Para falar com uma pessoa, escreva *atendente*."
)
CANNED = (
    ("endereco", "Endereço alterado", "Endereço alterado! A previsão de entrega continua {previsão}.", True),
    ("boleto", "2ª via de boleto", "{primeiro_nome}, enviei a 2ª via do boleto para o seu e-mail.", True),
    ("estorno", "Prazo do estorno", "O estorno aparece na fatura em até 2 ciclos, conforme o banco.", True),
    ("ola", "Saudação", "Oi, {primeiro_nome}! Aqui é {atendente}. Como posso ajudar?", False),
    ("espera", "Um momento", "Só um momento, {primeiro_nome}, vou verificar para você.", False),
    ("encerrar", "Encerrar", "Posso ajudar em mais alguma coisa, {primeiro_nome}?", False),
)
"""Code, title, text, and whether it is of the one queue."""
INTRO = "Sou o assistente virtual de Casa Aurora."


def tell(sender: Sender, ana: Operator, bia: Operator, now: datetime) -> int:
    """Oldest first, as it would have happened; how many customers there are."""
    story = _Story(sender, ana, bia, now)
    threads = (
        story.settled_yesterday(),
        story.window_closed(),
        story.address_change(),
        story.failed_message(),
        story.gift_card(),
        story.assembly(),
        story.browsing(),
        story.opening_hours(),
        story.overdue_bill(),
        story.wrong_size(),
        story.nameless(),
    )
    return len(threads)


def _hello(first_name: str = "") -> str:
    greeting = f"Olá, {first_name}!" if first_name else "Olá!"
    return f"{greeting} {INTRO}\n\n{MENU}"


class _Story:
    def __init__(self, sender: Sender, ana: Operator, bia: Operator, now: datetime) -> None:
        self.sender, self.ana, self.bia, self.now = sender, ana, bia, now

    def _thread(self, name: str, phone: str) -> Thread:
        return Thread(self.sender, name=name, address=f"whatsapp:+{phone}", made_at=self.now)

    # with Ana --------------------------------------------------------------------------------

    def address_change(self) -> Thread:
        ana, thread = self.ana, self._regular_customer()
        thread.customer(21, "Oi, boa tarde").bot(20.9, _hello("Juliana"))
        thread.customer(20, "Quero mudar o endereço do pedido 48213").bot(
            19.8,
            "O pedido 48213 já está em separação, então não consigo mudar por aqui. Vou chamar uma pessoa da equipe.",
            calls=HandoffRequest(
                reason="bot_asked",
                summary="Quer mudar o endereço de entrega do pedido 48213, que já está em separação.",
                intent="Mudar endereço de entrega",
                slots={"Pedido": "48213", "Valor": "R$ 389,90", "CEP novo": "04534-002"},
                confidence=0.92,
                suggested_reply="Oi, Juliana! Vi que você quer mudar o endereço do pedido 48213. "
                "Pode me confirmar a rua e o número?",
            ),
        )
        thread.takes(18.5, ana)
        thread.says(
            18.1, ana, "Oi, Juliana! Aqui é a Ana. Vou falar com a logística. Qual é o endereço novo?"
        )
        thread.customer(16, "Oi Ana! É Rua Joaquim Floriano, 466, ap 72, Itaim Bibi")
        thread.customer(15.4, "Se puder, pede pra deixar na portaria, chego depois das sete")
        thread.says(
            12,
            ana,
            "Consegui! Endereço alterado, com entrega na portaria. A previsão continua terça-feira. "
            "Só me manda um comprovante de residência?",
        )
        return thread.photo(9.5, "Esse serve?").customer(9, "Qualquer coisa me avisa 🙏")

    def _regular_customer(self) -> Thread:
        """Served twice before, by both."""
        ana, bia = self.ana, self.bia
        thread = self._thread("Juliana Prado", "5511987654321")
        began = 38 * DAY
        thread.customer(began, "Oi! A capa de edredom veio no tamanho errado").bot(
            began - 0.1,
            "Que chato, Juliana! Vou chamar alguém da equipe para resolver a troca.",
            calls=HandoffRequest(
                reason="bot_asked", summary="Capa de edredom veio no tamanho errado.", intent="troca"
            ),
        )
        thread.takes(began - 2, bia).says(
            began - 3, bia, "Oi, Juliana! Já gerei a troca, a coleta passa amanhã."
        )
        thread.customer(began - 4, "Maravilha, obrigada!")
        thread.finishes(
            began - 6, bia, "solved", "Troca da capa de edredom: coleta no dia seguinte.", pedido="45107"
        )
        began = 11 * DAY
        thread.customer(began, "Preciso da nota fiscal do pedido 46630").customer(
            began - 0.3, "quero falar com um atendente"
        )
        thread.takes(began - 1, ana).says(began - 2, ana, "Enviei a nota para o seu e-mail. 😉")
        return thread.finishes(
            began - 5, ana, "solved", "Segunda via da nota fiscal enviada por e-mail.", pedido="46630"
        )

    def failed_message(self) -> Thread:
        ana = self.ana
        thread = self._thread("Antônio Carlos Meireles", "5531988120344")
        thread.customer(52, "A luminária chegou com o vidro trincado, quero falar com alguém")
        thread.takes(50, ana).says(49, ana, "Sinto muito, Antônio. Pode me mandar uma foto da peça?")
        thread.photo(41, "Olha só").sees(ana)
        return thread.says(
            38,
            ana,
            "Obrigada pela foto! Uma luminária nova sai amanhã do nosso estoque, sem custo.",
            status="undelivered",
            code=63012,
        )

    def window_closed(self) -> Thread:
        """She wrote more than a day ago: free text no longer gets through."""
        ana = self.ana
        thread = self._thread("Larissa Yamamoto", "5541991207788")
        began = DAY + 190
        thread.customer(began, "Bom dia! Vocês têm a poltrona Lis em verde?").customer(
            began - 1, "Atendente, por favor"
        )
        thread.takes(began - 4, ana)
        thread.says(
            began - 6, ana, "Bom dia, Larissa! A verde volta na próxima remessa. Aviso você assim que chegar."
        )
        return thread.customer(began - 9, "Obrigada! Vou esperar então").sees(ana)

    # with Bia --------------------------------------------------------------------------------

    def gift_card(self) -> Thread:
        bia = self.bia
        thread = self._thread("Patrícia Nogueira", "5521979904512")
        thread.customer(34, "Comprei um vale-presente e o código não funciona").bot(
            33.9,
            "Vou passar para a equipe conferir o código com você.",
            calls=HandoffRequest(
                reason="bot_asked",
                summary="O código do vale-presente é recusado no carrinho.",
                intent="Vale-presente",
                slots={"Código": "AURORA-7K2M"},
            ),
        )
        thread.takes(31, bia).says(30, bia, "Oi, Patrícia! Já reativei o código, pode tentar de novo?")
        return thread.customer(27, "Agora foi! Só um minuto que vou terminar a compra").sees(bia)

    def assembly(self) -> Thread:
        bia = self.bia
        thread = self._thread("Diego Ramalho", "5571988664410")
        thread.customer(75, "Dá pra agendar a montagem do guarda-roupa pra sábado?").customer(
            74, "quero um atendente"
        )
        thread.takes(71, bia).says(69, bia, "Oi, Diego! Sábado de manhã está livre, das 9h às 12h. Pode ser?")
        thread.customer(66, "Perfeito, pode marcar")
        return thread.says(
            64, bia, "Marcado! O montador liga meia hora antes. Aviso você na sexta.", status="delivered"
        )

    # waiting ---------------------------------------------------------------------------------

    def overdue_bill(self) -> Thread:
        thread = self._thread("Marcos Vinícius Teixeira", "5519996230771")
        thread.customer(8.6, "boa tarde").bot(8.5, _hello("Marcos")).customer(8, "3").bot(
            7.9,
            "Você emite a 2ª via do boleto em https://casaaurora.example/boletos com o número do pedido.\n\n"
            "Para ver as opções, escreva *menu*.",
        )
        thread.customer(7.2, "O boleto venceu ontem e o site não gera outro")
        return thread.bot(7.1, "Entendi: o boleto venceu. Quer que eu chame alguém da equipe?").customer(
            6.7, "Quero falar com uma pessoa, por favor"
        )

    def wrong_size(self) -> Thread:
        thread = self._thread("Ana Beatriz Lopes", "5511955517420")
        thread.customer(4.6, "o tapete").bot(4.5, _hello("Ana")).customer(4, "o tapete é pequeno").bot(
            3.9, f"Não entendi. Tente com outras palavras ou escolha uma opção.\n\n{MENU}"
        )
        return thread.customer(3.3, "não é isso, quero trocar o tamanho").bot(
            3.2,
            "Ainda não consegui entender, então é melhor uma pessoa da equipe ver isso com você.",
            calls=HandoffRequest(
                reason="not_understood",
                summary="Quer trocar o tamanho de um tapete. O bot não entendeu 2 vezes.",
                intent="Troca",
            ),
        )

    def nameless(self) -> Thread:
        thread = self._thread("", "5585998120045")
        return thread.customer(1.6, "oi").bot(1.55, _hello()).customer(1.4, "atendente")

    # with the bot ----------------------------------------------------------------------------

    def settled_yesterday(self) -> Thread:
        bia = self.bia
        thread = self._thread("Sofia Andrade", "5548991345520")
        began = DAY + 260
        thread.customer(began, "Meu pedido atrasou, alguém pode ver?").customer(
            began - 1, "falar com atendente"
        )
        thread.takes(began - 5, bia).says(
            began - 6, bia, "Oi, Sofia! A transportadora entrega hoje até as 18h."
        )
        thread.customer(began - 8, "Ah, que bom. Obrigada, Bia!")
        return thread.finishes(
            began - 9,
            bia,
            "solved",
            "Pedido 47790 atrasado: entrega confirmada para o mesmo dia.",
            pedido="47790",
        )

    def browsing(self) -> Thread:
        thread = self._thread("Renata Moura", "5551982217036")
        thread.customer(13, "Oi").bot(12.9, _hello("Renata"))
        return thread.customer(12, "2").bot(
            11.9,
            "A Casa Aurora fica na Rua das Acácias, 120, Centro. Entregamos em toda a cidade em até 3 dias "
            "úteis.\n\nPara ver as opções, escreva *menu*.",
        )

    def opening_hours(self) -> Thread:
        thread = self._thread("Cláudio Farias", "5581996550182")
        thread.customer(46, "Que horas vocês fecham hoje?")
        return thread.bot(
            45.9,
            f"Olá, Cláudio! {INTRO}\n\nAtendemos de segunda a sexta, das 9h às 18h, e aos sábados, das 9h às "
            "13h.\n\nPara ver as opções, escreva *menu*.",
        )
