"""What the simulated account keeps as contents: in three languages, and in every state a review can be in."""

from __future__ import annotations

import hashlib
import unicodedata
from typing import Any

Row = dict[str, Any]


def content(
    name: str,
    language: str,
    kind: str,
    shape: Row,
    *,
    category: str = "UTILITY",
    status: str = "approved",
    reason: str = "",
    **samples: str,
) -> Row:
    words = unicodedata.normalize("NFKD", name.lower()).encode("ascii", "ignore").decode()
    sid = "HX" + hashlib.md5(f"{words} {language}".encode(), usedforsecurity=False).hexdigest()
    return {
        "sid": sid,
        "friendly_name": name,
        "language": language,
        "variables": {key.removeprefix("v"): value for key, value in samples.items()},
        "types": {kind: shape},
        "approval_requests": {
            "name": words.replace(" ", "_"),
            "category": category if status != "unsubmitted" else "",
            "content_type": kind,
            "status": status,
            "rejection_reason": reason,
            "allow_category_change": False,
        },
        "date_created": "2026-10-05T12:00:00Z",
        "date_updated": "2026-10-06T12:00:00Z",
    }


def replies(*titles: str) -> list[Row]:
    return [
        {"type": "QUICK_REPLY", "title": title, "id": f"reply_{number}"}
        for number, title in enumerate(titles, start=1)
    ]


CATALOGUE: tuple[Row, ...] = (
    content(
        "Atualização do pedido",
        "pt_BR",
        "whatsapp/card",
        {
            "header_text": "Novidade sobre a sua entrega",
            "body": "Oi, {{nome}}! Temos uma novidade sobre o pedido {{pedido}}: {{novidade}}. "
            "Quer falar com a gente?",
            "footer": "Casa Aurora · São Paulo",
            "actions": replies("Quero falar", "Está tudo certo"),
        },
        nome="Larissa",
        pedido="47990",
        novidade="chega na sexta-feira",
    ),
    content(
        "Retomar o atendimento",
        "pt_BR",
        "twilio/quick-reply",
        {
            "body": "Oi, {{1}}. Aqui é {{2}}, da Casa Aurora. Podemos continuar de onde paramos?",
            "actions": replies("Podemos", "Agora não"),
        },
        v1="Larissa",
        v2="Ana",
    ),
    content(
        "Confirmação de entrega",
        "pt_BR",
        "twilio/text",
        {"body": "Seu pedido {{1}} foi entregue em {{2}}. Deu tudo certo?"},
        v1="47990",
        v2="21/11",
    ),
    content(
        "Segunda via do boleto",
        "pt_BR",
        "twilio/call-to-action",
        {
            "body": "{{1}}, segue o boleto do pedido {{2}}, com vencimento em {{3}}. Qualquer coisa, é só chamar.",
            "actions": [
                {"type": "URL", "title": "Abrir boleto", "url": "https://casaaurora.example/b/{{2}}"},
                {"type": "PHONE_NUMBER", "title": "Ligar", "phone": "+551140028922"},
            ],
        },
        v1="Marcos",
        v2="48213",
        v3="30/11",
    ),
    content(
        "Nota do atendimento",
        "pt_BR",
        "twilio/text",
        {"body": "Como foi falar com {{atendente}}? Responda de 1 a 5."},
        atendente="Ana",
    ),
    content(
        "Aviso de horário",
        "pt_BR",
        "twilio/text",
        {"body": "Nossa loja abre mais cedo esta semana: das 8h às 18h."},
    ),
    content(
        "Novidades da estação",
        "pt_BR",
        "twilio/media",
        {
            "body": "{{1}}, a coleção de verão chegou na Casa Aurora.",
            "media": ["https://casaaurora.example/verao.jpg"],
        },
        category="MARKETING",
        v1="Larissa",
    ),
    content(
        "Cupom de volta",
        "pt_BR",
        "twilio/text",
        {"body": "Sentimos sua falta! Use {{1}} até {{2}}."},
        category="MARKETING",
        status="paused",
        v1="VOLTA10",
        v2="30/11",
    ),
    content(
        "Pesquisa de satisfação",
        "pt_BR",
        "twilio/text",
        {"body": "Oi, {{1}}! Pode responder uma pergunta sobre a sua compra?"},
        status="pending",
        v1="Larissa",
    ),
    content(
        "Promoção relâmpago",
        "pt_BR",
        "twilio/text",
        {"body": "SÓ HOJE!!! {{1}} clique já"},
        category="MARKETING",
        status="rejected",
        reason="TAG_CONTENT_MISMATCH: the text does not fit its category.",
        v1="Larissa",
    ),
    content(
        "Código de acesso",
        "pt_BR",
        "whatsapp/authentication",
        {"body": "{{1}} é o seu código.", "actions": [{"type": "COPY_CODE", "copy_code_text": "Copiar"}]},
        category="AUTHENTICATION",
        v1="123456",
    ),
    content(
        "Rascunho",
        "pt_BR",
        "twilio/text",
        {"body": "Ainda em rascunho."},
        status="unsubmitted",
    ),
    content(
        "order_update",
        "en",
        "twilio/quick-reply",
        {
            "body": "Hi {{1}}, there is news about your order {{2}}: {{3}}. Would you like to talk to us?",
            "actions": replies("Talk to you", "All good"),
        },
        v1="Emma",
        v2="47990",
        v3="it arrives on Friday",
    ),
    content(
        "resume_chat",
        "en",
        "twilio/text",
        {"body": "Hi {{1}}, this is {{2}} from Casa Aurora. Shall we go on where we stopped?"},
        v1="Emma",
        v2="Ana",
    ),
    content(
        "Actualización del pedido",
        "es",
        "twilio/card",
        {
            "title": "Hola, {{1}}. Hay novedades de tu pedido {{2}}: {{3}}. ¿Quieres hablar con nosotros?",
            "subtitle": "Casa Aurora",
            "actions": replies("Quiero hablar", "Todo bien"),
        },
        v1="Lucía",
        v2="47990",
        v3="llega el viernes",
    ),
    content(
        "Retomar la conversación",
        "es",
        "twilio/text",
        {"body": "Hola, {{1}}. Soy {{2}}, de Casa Aurora. ¿Seguimos donde lo dejamos?"},
        v1="Lucía",
        v2="Ana",
    ),
)
