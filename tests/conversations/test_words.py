"""What João writes to get a person, and what only sounds like it."""

from __future__ import annotations

import pytest

from conversations import lexicon, words

ASKS = (
    # Portuguese
    "atendente",
    "ATENDENTE!!!",
    "Falar com atendente",
    "👩‍💼 Falar com atendente",
    "quero falar com um atendente",
    "Bom dia, por favor, eu gostaria de falar com um atendente, obrigada!",
    "atendete",
    "preciso falar com um atendnte",
    "falar c/ alguem",
    "quero fla com uma pessoa",
    "me transfere para um atendente",
    "chama alguém aí por favor",
    "Não quero falar com robô, quero um humano",
    "meu pedido não chegou e eu quero falar com uma pessoa",
    "Tem alguém aí?",
    "dá pra falar com uma pessoa de verdade?",
    "Não tem como falar com um atendente?",
    "aten\u200bden\u200dte",
    "ＡＴＥＮＤＥＮＴＥ",
    "аtеndеntе",
    "eu queria, se possível, conversar com o gerente",
    "4 - Falar com atendente",
    # English
    "agent",
    "Talk to a human",
    "I'd like to speak to a real person, please",
    "can I talk to someone?",
    "I need an agent",
    "Please transfer me to a representitive",
    "get me a human",
    "How do I talk to a person here?",
    "I don't want to talk to a bot",
    "Could you connect me with customer service?",
    "can someone help me?",
    "HUMAN PLEASE",
    # Spanish
    "agente",
    "Quiero hablar con un agente",
    "hola, necesito hablar con una persona por favor",
    "¿Puedo hablar con alguien?",
    "pásame con un asesor",
    "quisiera que me atienda una persona",
    "¿Cómo hago para hablar con un humano?",
    "comunícame con un operador",
    "me puede atender un agente",
    "kiero ablar con alguien",
)

MENTIONS = (
    # Portuguese
    "não quero atendente",
    "Não quero falar com atendente",
    "o atendente de ontem foi ótimo",
    "qual o horário do atendente?",
    "Quanto tempo demora para falar com um atendente?",
    "já falei com um atendente",
    "o atendente disse que ia me ligar",
    "a pessoa que me atendeu foi muito educada",
    "não preciso mais de atendente, obrigado",
    "queria falar com um atendente, mas já resolvi",
    "quero ser atendente da loja",
    "quero elogiar o atendente",
    "digitei atendente e não aconteceu nada",
    "quando o atendente chegar me avisa",
    "você é uma pessoa ou um robô?",
    "comprei um presente para uma pessoa especial",
    "alguém roubou o meu pacote",
    "a gente quer dois vestidos azuis",
    "quanto custa a entrega?",
    "ontem eu queria falar com um atendente e ninguém respondeu",
    "posso falar com um atendente no domingo?",
    "não precisa me passar para um atendente",
    # English
    "the agent yesterday was great",
    "I don't want an agent",
    "I don't think I need a human",
    "what time do your agents start?",
    "do I need to talk to an agent to change my address?",
    "are you a human?",
    "I spoke to a representative last week",
    "how many people work there?",
    "never mind, I don't need to talk to anyone",
    "do you want to talk to an agent?",
    "the person at the store was rude",
    "can I pay in person?",
    # Spanish
    "no quiero hablar con un agente",
    "el agente de ayer fue muy amable",
    "¿cuál es el horario de los agentes?",
    "ya hablé con un asesor",
    "ya no necesito un agente, gracias",
    "¿eres una persona?",
    "la persona que me atendió fue muy amable",
    "¿cuánto tarda en responder un agente?",
    "quiero un regalo para una persona especial",
    "no me pases con un agente",
)

# Written down after the rules, to see how they do with words they were not made for.
ASKS_TOO = (
    "oi, tudo bem? queria falar com alguém da loja",
    "me passa pra um humano pfv",
    "quero atendimento humano",
    "ATENDENTE POR FAVOR ME AJUDA",
    "preciso de ajuda de uma pessoa",
    "n quero robo, qro atendente",
    "vc pode chamar uma atendente?",
    "alguém pode me atender?",
    "gostaria de ser atendida por uma pessoa",
    "como faço pra falar com alguém?",
    "cadê o atendente?",
    "quero falar com o responsável",
    "atendimento humano",
    "aff esse robô não entende nada, me transfira para um atendente",
    "atendetne",
    "queria conversar com uma pessoa de verdade",
    "i want a human",
    "speak to representative",
    "let me talk to a manager please",
    "is there anyone there?",
    "this bot is useless, give me a real person",
    "can you put me through to an agent",
    "i would like to chat with a live agent",
    "agent please",
    "need to talk to somebody about my order",
    "I'd rather talk to a person",
    "connect me to an operator",
    "hi, could I speak with customer support?",
    "customer service",
    "is it possible to speak with a human being?",
    "asesor",
    "hablar con un asesor",
    "me comunicas con una persona?",
    "necesito ayuda de una persona real",
    "quiero que me atienda un humano",
    "hay alguien ahi?",
    "puede ayudarme alguien?",
    "transfiéreme con un agente por favor",
    "no entiendo, quiero hablar con una persona",
    "agente por favor",
    "quisiera comunicarme con servicio al cliente",
    "buenas tardes, me gustaría hablar con un asesor",
    "Quero falar com um vendedor",
    "poderia me encaminhar para um consultor por gentileza?",
    "pfv me liga com uma pessoa",
    "esse bot é péssimo. atendente!",
    "Boa noite! Preciso urgente de um atendente",
    "não tô conseguindo, chama um humano",
    "gostaria de contato com um atendente",
    "Eu não quero falar com uma máquina",
    "quero suporte humano",
    "me chama um atendente",
    "tem como me passar pra alguém do financeiro?",
    "quero falar cm atendente",
    "atendente pfvr",
    "preciso falar com vcs, tem alguém aí?",
    "quero sair do robô e falar com uma pessoa",
    "humano",
    "PESSOA",
    "falar com humano",
    "é possível ser atendido por um humano?",
    "alguém me responde por favor",
    "Can you please transfer me to a live agent?",
    "I want to talk with someone from the store",
    "operator",
    "no, I want a human",
    "stop the bot and get me a person",
    "please let me speak with a human being",
    "I need human help",
    "is someone available to chat?",
    "may I speak with your supervisor?",
    "I wish to speak to an agent",
    "representative!!",
    "real human plz",
    "how can I contact an agent?",
    "I have a problem with my order and need to speak to someone",
    "live agent",
    "chat with an agent",
    "want human",
    "I am trying to reach a human",
    "deseo hablar con un representante",
    "póngame con una persona",
    "persona",
    "me puedes pasar con un asesor?",
    "¿hay algún asesor disponible?",
    "no quiero hablar con un robot",
    "quiero un asesor humano",
    "no, quiero un agente",
    "necesito que alguien me ayude",
    "por favor comuníqueme con un ejecutivo",
    "cómo puedo contactar a un asesor",
    "ayuda, quiero hablar con alguien real",
    "HABLAR CON AGENTE",
    "dame un humano",
    "atención al cliente",
    "quiero que me pasen con un agente",
    "Boa tarde, tem como falar com alguém?",
    "queria um atendente por favor",
    "ME PASSA PRA UM HUMANO",
    "preciso muito falar com uma pessoa, é urgente",
    "vc não tá me ajudando, chama um atendente",
    "atendente pelo amor de Deus",
    "poderia falar com o gerente?",
    "fala com atendente",
    "como eu chamo uma pessoa?",
    "quero conversar com alguem da equipe",
    "quero um atendente agora!!!",
    "não adianta, quero falar com gente",
    "Preciso de um atendente pra resolver meu problema",
    "pode me colocar pra falar com uma pessoa?",
    "quero ser transferido para um atendente",
    "hello, can you get me an agent?",
    "I need to speak with a representative about a refund",
    "human agent",
    "talk to someone",
    "connect me with a person",
    "please can i speak to somebody",
    "I'd like a human",
    "I want to speak with your manager now",
    "is there a real person I can talk to?",
    "let me speak to someone real",
    "agent!!!",
    "quiero un agente",
    "hablar con una persona",
    "¿me pueden comunicar con un asesor?",
    "necesito un humano",
    "por favor quiero hablar con alguien de la tienda",
    "pasame con una persona real",
    "¿hay alguien que me pueda ayudar?",
    "quiero atención humana",
    "solicito un asesor",
    "con un asesor por favor",
)
MENTIONS_TOO = (
    "obrigado, o atendente já me ajudou",
    "não quero mais falar com ninguém",
    "o humano errou meu pedido",
    "vocês contratam atendentes?",
    "a atendente Ana foi super simpática comigo",
    "quantas pessoas cabem na mesa?",
    "o robô atende melhor que o atendente",
    "sem atendente, por favor",
    "falei com a pessoa errada",
    "não chama ninguém, só quero o horário",
    "se eu precisar de um atendente eu aviso",
    "o agente de entrega não veio",
    "qual o nome do atendente que me atendeu?",
    "pode deixar, não preciso falar com ninguém",
    "atendente nota 10",
    "por que o atendente não respondeu?",
    "alguém sabe se a loja abre hoje?",
    "uma pessoa vai receber a encomenda",
    "no need for an agent",
    "the representative told me to wait",
    "I already talked to an agent",
    "how many agents do you have?",
    "my travel agent booked it",
    "someone stole my package",
    "what did the agent say?",
    "I don't need a human, just the opening hours",
    "human resources",
    "is the agent still working on it?",
    "your agent promised a refund",
    "please don't transfer me to an agent",
    "no necesito hablar con nadie",
    "el asesor me dijo que llegaba hoy",
    "una persona lo va a recibir",
    "hablé con un agente ayer",
    "no quiero que me llame un asesor",
    "¿por qué el agente no responde?",
    "gracias, el agente me ayudó mucho",
    "busco empleo como asesor",
    "¿a qué hora trabajan los agentes?",
    "cuántas personas trabajan ahí",
    "el agente me pidió la factura",
    "si necesito un agente les aviso",
    "o atendente foi grosso comigo",
    "vou falar com minha esposa e te aviso",
    "não gostei do atendente",
    "quero saber o horário de atendimento",
    "alguém me ligou desse número?",
    "não sou atendente, sou cliente",
    "tem vaga de atendente?",
    "gostei muito do atendimento",
    "o atendente falou que o prazo é 5 dias",
    "quero falar sobre meu pedido",
    "obrigada pelo atendimento!",
    "vocês atendem até que horas?",
    "você é humano?",
    "meu vizinho é agente de saúde",
    "quando um atendente vai me responder?",
    "depois de falar com o atendente eu comprei",
    "não precisa chamar ninguém",
    "nunca consegui falar com um atendente antes, parabéns",
    "quero um vestido para minha mãe",
    "preciso de um atendente para trocar o produto?",
    "conversei com uma pessoa muito atenciosa ontem",
    "eu falava com um atendente quando caiu",
    "enviei para outra pessoa por engano",
    "posso pedir para outra pessoa retirar?",
    "melhor atendente do mundo",
    "Do you have human-sized mannequins?",
    "the last agent hung up on me",
    "is this a bot or a person?",
    "my agent said it ships Monday",
    "I was talking to an agent and got disconnected",
    "thanks to the person who helped me",
    "do your operators work on weekends?",
    "someone left a package here",
    "I will ask my manager",
    "can I send it to another person?",
    "what is a human worth",
    "I did not ask for an agent",
    "are agents available on Sunday?",
    "how long does an agent take to reply?",
    "one ticket per person",
    "el asesor fue muy amable",
    "no hace falta un asesor",
    "mi esposo es agente",
    "qué dijo el agente?",
    "¿cuánto cuesta para dos personas?",
    "gracias por la atención",
    "ya me atendió una persona",
    "no quiero asesor, quiero ver el catálogo",
    "¿los asesores trabajan el domingo?",
    "una persona de la tienda me llamó",
    "me gustó mucho el agente",
    "quería saber el horario",
    "estaba hablando con un agente y se cortó",
    "¿eres humano o robot?",
    "o atendente me mandou esse link",
    "qual atendente falou comigo?",
    "não quero ser atendido por humano",
    "adorei a atendente",
    "o humano que me atendeu sumiu",
    "vocês têm quantos atendentes?",
    "deixa pra lá, não quero atendente",
    "o atendente não apareceu ontem",
    "a pessoa não estava em casa",
    "é para outra pessoa",
    "ninguém atende o telefone",
    "tenho que avisar a pessoa que vai receber",
    "meu gerente pediu nota fiscal",
    "o operador da máquina quebrou",
    "atendimento excelente, parabéns!",
    "I love your agents",
    "who was the agent I talked to?",
    "an agent called me this morning",
    "I don't want to bother a human",
    "no agent needed",
    "does the agent speak Portuguese?",
    "your representative was helpful",
    "I gave it to another person",
    "somebody already helped me",
    "I can't believe the agent hung up",
    "no quiero un humano",
    "un asesor me llamó esta mañana",
    "el humano se equivocó",
    "no me transfieras",
    "¿quién fue el agente que me atendió?",
    "una persona me ayudó ayer",
    "nadie me atendió",
    "el operador fue grosero",
    "¿cuántos asesores tienen?",
    "es para otra persona",
)
TYPOS = (
    "atendnete",
    "aendente",
    "attendente",
    "atendentw",
    "humn",
    "agnet",
    "represntative",
    "presona",
    "assesor",
)


class TestAsksForPerson:
    @pytest.mark.parametrize("text", ASKS + ASKS_TOO)
    def test_hears_a_request(self, text: str) -> None:
        assert words.asks_for_person(text)

    @pytest.mark.parametrize("text", MENTIONS + MENTIONS_TOO)
    def test_lets_a_mention_pass(self, text: str) -> None:
        assert not words.asks_for_person(text)

    @pytest.mark.parametrize("word", TYPOS)
    def test_forgives_slips_of_the_finger(self, word: str) -> None:
        assert words.asks_for_person(word)
        assert words.asks_for_person(f"quero falar com {word}, por favor")
        assert not words.asks_for_person(f"não quero {word}")

    def test_gives_each_word_one_meaning(self) -> None:
        spoken = [word for listed in lexicon.KINDS.values() for word in listed.split()]

        assert len(spoken) == len(set(spoken))

    def test_ignores_what_is_too_long_to_be_a_request(self) -> None:
        assert words.asks_for_person("quero um atendente " + "a b " * 60)
        assert not words.asks_for_person("quero um atendente " + "a b " * 90)
        assert not words.asks_for_person("\u200b" * 100_000 + "atendente")

    @pytest.mark.parametrize(
        "text", ["", "   ", "🙂", "???", "\n", "1", "a" * 300, "quero " * 50, "não " * 75]
    )
    def test_survives_anything(self, text: str) -> None:
        assert not words.asks_for_person(text)


class TestNormalise:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("Olá,  MUNDO!", "ola mundo"),
            ("1️⃣", "1"),
            ("2ª via", "2a via"),
            ("👩🏽‍💼 Ajuda", "ajuda"),
            ("a\u0301tendente", "atendente"),
            ("не", "he"),
            ("𝐦𝐞𝐧𝐮", "menu"),
            ("so\u00adft", "soft"),
            ("snake_case-word", "snake case word"),
            ("", ""),
        ],
    )
    def test_leaves_letters_and_digits(self, text: str, expected: str) -> None:
        assert words.normalise(text) == expected

    @pytest.mark.parametrize("text", ["Ação é já!", "１２３", "ﬁm", "Ⅷ", "²"])
    def test_changes_nothing_the_second_time(self, text: str) -> None:
        once = words.normalise(text)

        assert words.normalise(once) == once


class TestWholeMessages:
    @pytest.mark.parametrize(
        "text",
        ["voltar", "Menu", "CANCELAR", "*menú*", "voltar, por favor", "back", "cancel", "volver", "Voltar."],
    )
    def test_cancel_the_wait(self, text: str) -> None:
        assert words.cancels_wait(text)

    @pytest.mark.parametrize(
        "text",
        [
            "quero voltar a comprar",
            "cancelar meu pedido",
            "menu do dia",
            "voltar a receber",
            "",
            "cancelar inscrição",
        ],
    )
    def test_do_not_cancel_the_wait(self, text: str) -> None:
        assert not words.cancels_wait(text)

    @pytest.mark.parametrize(
        "text", ["STOP", "parar", "Sair", "unsubscribe", "baja", "cancelar inscrição", "Pare!"]
    )
    def test_opt_out(self, text: str) -> None:
        assert words.opts_out(text)

    @pytest.mark.parametrize(
        "text", ["não vou parar", "sair da fila", "cancelar", "cancel", "baja velocidad", "menu"]
    )
    def test_do_not_opt_out(self, text: str) -> None:
        assert not words.opts_out(text)

    @pytest.mark.parametrize(
        "text", ["START", "voltar a receber", "Quero voltar a receber mensagens", "darme de alta"]
    )
    def test_opt_in(self, text: str) -> None:
        assert words.opts_in(text)

    @pytest.mark.parametrize("text", ["voltar", "start over", "quero receber meu pedido"])
    def test_do_not_opt_in(self, text: str) -> None:
        assert not words.opts_in(text)

    def test_mean_one_thing_each(self) -> None:
        kinds = (
            words.cancels_wait,
            words.opts_out,
            words.opts_in,
            words.asks_for_person,
        )
        spoken = words.CANCEL | words.OPT_OUT | words.OPT_IN

        assert [text for text in spoken if sum(kind(text) for kind in kinds) != 1] == []


class TestJoinsSandbox:
    @pytest.mark.parametrize("text", ["join clever-fox", "Join  Clever-Fox ", "join clever fox"])
    def test_knows_the_words_of_the_sandbox(self, text: str) -> None:
        assert words.joins_sandbox(text)

    @pytest.mark.parametrize(
        "text", ["join", "join us", "please join clever-fox", "join the loyalty club", "joinclever-fox"]
    )
    def test_leaves_other_messages_alone(self, text: str) -> None:
        assert not words.joins_sandbox(text)
