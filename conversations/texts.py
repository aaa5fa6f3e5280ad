"""What the product itself says to customers, when a queue has no words of its own. Three languages, no markup."""

from __future__ import annotations

LANGUAGES = ("pt-br", "en", "es")

WAITING, POSITION, STILL_WAITING, EXPIRED = "waiting", "position", "still_waiting", "expired"
CLAIMED, TRANSFERRED, REQUEUED, CANCELLED = "claimed", "transferred", "requeued", "cancelled"
NUDGE, LAST_NUDGE, LEFT, FAREWELL = "nudge", "last_nudge", "left", "farewell"
MOMENTS = (
    *(WAITING, POSITION, STILL_WAITING, EXPIRED, CANCELLED),
    *(CLAIMED, TRANSFERRED, REQUEUED, NUDGE, LAST_NUDGE, LEFT, FAREWELL),
)
PLACE = "{position}"
"""Stands for the customer's place in the queue, in WAITING and POSITION."""

_DEFAULTS: dict[str, dict[str, str]] = {
    WAITING: {
        "pt-br": (
            "Certo! Vou chamar uma pessoa da equipe. É só aguardar por aqui. "
            "Se preferir voltar ao menu, escreva *voltar*."
        ),
        "en": (
            "Sure! I am calling someone from the team. Just wait here. To go back to the menu, write *back*."
        ),
        "es": (
            "¡Claro! Voy a llamar a una persona del equipo. Solo espera por aquí. "
            "Si prefieres volver al menú, escribe *volver*."
        ),
    },
    POSITION: {
        "pt-br": "Sua posição na fila: {position}.",
        "en": "Your place in the queue: {position}.",
        "es": "Tu lugar en la cola: {position}.",
    },
    STILL_WAITING: {
        "pt-br": (
            "Obrigado por esperar. A equipe está ocupada, mas você continua na fila. "
            "Para voltar ao menu, escreva *voltar*."
        ),
        "en": (
            "Thank you for waiting. The team is busy, but you are still in the queue. "
            "To go back to the menu, write *back*."
        ),
        "es": (
            "Gracias por esperar. El equipo está ocupado, pero sigues en la cola. "
            "Para volver al menú, escribe *volver*."
        ),
    },
    TRANSFERRED: {
        "pt-br": "Vou passar você para um colega. É só aguardar por aqui: ele já recebe o que conversamos.",
        "en": "I am handing you over to a colleague. Just wait here: they will see what we talked about.",
        "es": "Te paso con otra persona del equipo. Solo espera por aquí: verá lo que conversamos.",
    },
    REQUEUED: {
        "pt-br": "Desculpe a demora. Vou chamar outra pessoa da equipe: a próxima vez é a sua.",
        "en": "Sorry for the delay. I am calling someone else from the team: you are next in the queue.",
        "es": "Disculpa la demora. Voy a llamar a otra persona del equipo: eres el siguiente en la cola.",
    },
    NUDGE: {
        "pt-br": "Você ainda está por aí? É só responder para continuarmos.",
        "en": "Are you still there? Just reply and we will go on.",
        "es": "¿Sigues ahí? Solo responde y continuamos.",
    },
    LAST_NUDGE: {
        "pt-br": "Como não tivemos resposta, vamos encerrar este atendimento em breve. Responda para continuar.",
        "en": "As we have not heard from you, we will close this chat soon. Reply to go on.",
        "es": "Como no tuvimos respuesta, pronto cerraremos esta conversación. Responde para continuar.",
    },
    LEFT: {
        "pt-br": "Encerramos este atendimento por falta de resposta. Quando quiser, é só escrever.",
        "en": "We have closed this chat because we did not hear from you. Write whenever you like.",
        "es": "Cerramos esta conversación por falta de respuesta. Cuando quieras, solo escribe.",
    },
    CANCELLED: {
        "pt-br": "Tudo bem, você voltou para o atendimento automático. Escreva *menu* para ver as opções.",
        "en": "All right, you are back with the virtual assistant. Write *menu* to see the options.",
        "es": "De acuerdo, volviste al asistente virtual. Escribe *menú* para ver las opciones.",
    },
    EXPIRED: {
        "pt-br": "Desculpe a espera: ninguém da equipe pôde atender agora. Escreva *atendente* para tentar de novo.",
        "en": "Sorry for the wait: nobody from the team is free right now. Write *agent* to try again.",
        "es": "Disculpa la espera: nadie del equipo pudo atender ahora. Escribe *agente* para intentar de nuevo.",
    },
}


def default(moment: str, language: str) -> str:
    """The product's words for this moment; "" where it says nothing by itself (claimed, farewell)."""
    by_language = _DEFAULTS.get(moment, {})
    return by_language.get(language) or by_language.get("en", "")
