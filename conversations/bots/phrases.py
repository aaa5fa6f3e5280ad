"""What the ``rules`` engine says, and the answers it starts with, in the three languages of the product."""

from __future__ import annotations

from conversations.bots.base import Answer

_PT = {
    "hello": "Olá, {name}!",
    "hello_nameless": "Olá!",
    "intro": "Sou o assistente virtual de {brand}.",
    "back": "Aqui é o assistente virtual de {brand} de novo.",
    "menu": "Como posso ajudar? Responda com o número ou escreva o assunto:",
    "menu_empty": "Como posso ajudar? Escreva o assunto.",
    "person": "Para falar com uma pessoa, escreva *atendente*.",
    "hint": "Para ver as opções, escreva *menu*.",
    "describe": "Escreva em texto o que você precisa.",
    "missed": "Não entendi. Tente com outras palavras ou escolha uma opção.",
    "give_up": "Ainda não consegui entender, então é melhor uma pessoa da equipe ver isso com você.",
    "welcome": "Por nada! Se precisar de mais alguma coisa, escreva *menu*.",
    "media_document": "Recebi seu arquivo, mas não consigo abri-lo por aqui.",
    "media_image": "Recebi sua imagem, mas não consigo ver fotos.",
    "media_audio": "Recebi seu áudio, mas não consigo ouvir.",
    "media_video": "Recebi seu vídeo, mas não consigo assistir.",
    "media_sticker": "Recebi sua figurinha!",
    "media_location": "Recebi sua localização, mas não sei usá-la sozinho.",
    "media_contact": "Recebi o contato, mas não sei usá-lo sozinho.",
    "after_wait": "Agradeço por aguardar!",
    "noted": "Registrei aqui: {summary}",
    "noted_nothing": "O atendimento com a nossa equipe terminou.",
    "promised": "Ficou combinado:",
    "more": "Posso ajudar em algo mais? Escreva *menu* para ver as opções.",
    "asked": "Última pergunta: {text}",
    "tried": "Respondido pelo bot: {labels}",
    "misses": "O bot não entendeu {count} vezes seguidas.",
}
_EN = {
    "hello": "Hello, {name}!",
    "hello_nameless": "Hello!",
    "intro": "I am the virtual assistant of {brand}.",
    "back": "This is the virtual assistant of {brand} again.",
    "menu": "How can I help? Reply with the number or write the subject:",
    "menu_empty": "How can I help? Write the subject.",
    "person": "To talk to a person, write *agent*.",
    "hint": "To see the options, write *menu*.",
    "describe": "Please write what you need.",
    "missed": "I did not understand. Try other words or choose an option.",
    "give_up": "I still do not understand, so it is better that someone from the team looks at this with you.",
    "welcome": "You are welcome! If you need anything else, write *menu*.",
    "media_document": "I received your file but cannot open it here.",
    "media_image": "I received your image but cannot see pictures.",
    "media_audio": "I received your audio but cannot listen to it.",
    "media_video": "I received your video but cannot watch it.",
    "media_sticker": "I received your sticker!",
    "media_location": "I received your location but cannot use it by myself.",
    "media_contact": "I received the contact but cannot use it by myself.",
    "after_wait": "Thank you for waiting!",
    "noted": "I noted here: {summary}",
    "noted_nothing": "The conversation with our team has ended.",
    "promised": "What was agreed:",
    "more": "Can I help with anything else? Write *menu* to see the options.",
    "asked": "Last question: {text}",
    "tried": "Answered by the bot: {labels}",
    "misses": "The bot did not understand {count} times in a row.",
}
_ES = {
    "hello": "¡Hola, {name}!",
    "hello_nameless": "¡Hola!",
    "intro": "Soy el asistente virtual de {brand}.",
    "back": "Aquí está de nuevo el asistente virtual de {brand}.",
    "menu": "¿Cómo puedo ayudarte? Responde con el número o escribe el tema:",
    "menu_empty": "¿Cómo puedo ayudarte? Escribe el tema.",
    "person": "Para hablar con una persona, escribe *agente*.",
    "hint": "Para ver las opciones, escribe *menú*.",
    "describe": "Escribe en texto lo que necesitas.",
    "missed": "No entendí. Prueba con otras palabras o elige una opción.",
    "give_up": "Todavía no logro entender, así que es mejor que una persona del equipo lo vea contigo.",
    "welcome": "¡De nada! Si necesitas algo más, escribe *menú*.",
    "media_document": "Recibí tu archivo, pero no puedo abrirlo aquí.",
    "media_image": "Recibí tu imagen, pero no puedo ver fotos.",
    "media_audio": "Recibí tu audio, pero no puedo escucharlo.",
    "media_video": "Recibí tu video, pero no puedo verlo.",
    "media_sticker": "¡Recibí tu sticker!",
    "media_location": "Recibí tu ubicación, pero no puedo usarla.",
    "media_contact": "Recibí el contacto, pero no puedo usarlo.",
    "after_wait": "¡Gracias por esperar!",
    "noted": "Registré lo siguiente: {summary}",
    "noted_nothing": "La atención con nuestro equipo terminó.",
    "promised": "Quedó acordado:",
    "more": "¿Puedo ayudarte en algo más? Escribe *menú* para ver las opciones.",
    "asked": "Última pregunta: {text}",
    "tried": "Respondido por el bot: {labels}",
    "misses": "El bot no entendió {count} veces seguidas.",
}
_PHRASES = {"pt-br": _PT, "en": _EN, "es": _ES}


LANGUAGES = tuple(_PHRASES)


def phrase(language: str, key: str, /, **values: object) -> str:
    """That phrase in the customer's language; in Portuguese when we do not speak it."""
    return _PHRASES.get(language, _PT)[key].format(**values)


def received(language: str, kind: str) -> str:
    """ "I received your photo, but …"; anything without words of its own is a file."""
    spoken = _PHRASES.get(language, _PT)
    return spoken.get(f"media_{kind}", spoken["media_document"])


DEFAULT_ANSWERS: dict[str, tuple[Answer, ...]] = {
    "pt-br": (
        Answer(
            "Horário de atendimento",
            ("horário", "que horas", "aberto", "abre", "fecha", "funcionamento"),
            "Atendemos de segunda a sexta, das 9h às 18h, e aos sábados, das 9h às 13h.",
        ),
        Answer(
            "Endereço e entrega",
            ("endereço", "entrega", "frete", "onde fica", "prazo", "rastrear"),
            "A Casa Aurora fica na Rua das Acácias, 120, Centro. Entregamos em toda a cidade em até 3 dias úteis.",
        ),
        Answer(
            "2ª via de boleto",
            ("segunda via", "2a via", "boleto", "pagamento", "fatura"),
            "Você emite a 2ª via do boleto em https://casaaurora.example/boletos com o número do pedido.",
        ),
        Answer("Falar com atendente", hands_over=True),
    ),
    "en": (
        Answer(
            "Opening hours",
            ("hours", "what time", "open", "close", "schedule"),
            "We are open Monday to Friday from 9 am to 6 pm, and on Saturdays from 9 am to 1 pm.",
        ),
        Answer(
            "Address and delivery",
            ("address", "delivery", "shipping", "where are you", "tracking"),
            "Casa Aurora is at Rua das Acácias, 120, Centro. We deliver in the whole city within 3 working days.",
        ),
        Answer(
            "Copy of an invoice",
            ("invoice", "bill", "payment", "payment slip"),
            "You get a copy of the invoice at https://casaaurora.example/boletos with your order number.",
        ),
        Answer("Talk to an agent", hands_over=True),
    ),
    "es": (
        Answer(
            "Horario de atención",
            ("horario", "qué hora", "abierto", "abren", "cierran"),
            "Atendemos de lunes a viernes de 9 a 18 h y los sábados de 9 a 13 h.",
        ),
        Answer(
            "Dirección y entrega",
            ("dirección", "entrega", "envío", "dónde están", "seguimiento"),
            "Casa Aurora está en Rua das Acácias, 120, Centro. Entregamos en toda la ciudad en hasta 3 días hábiles.",
        ),
        Answer(
            "Copia de la factura",
            ("factura", "boleto", "pago", "copia"),
            "Puedes emitir la copia en https://casaaurora.example/boletos con el número de tu pedido.",
        ),
        Answer("Hablar con un agente", hands_over=True),
    ),
}
