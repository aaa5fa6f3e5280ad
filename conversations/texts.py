"""What the product itself says to customers, when a queue has no words of its own. Three languages, no markup."""

from __future__ import annotations

LANGUAGES = ("pt-br", "en", "es")

WAITING, CLAIMED, CANCELLED, FAREWELL, EXPIRED = "waiting", "claimed", "cancelled", "farewell", "expired"
MOMENTS = (WAITING, CLAIMED, CANCELLED, FAREWELL, EXPIRED)

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
