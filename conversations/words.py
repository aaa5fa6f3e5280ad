"""The words that customers steer with: a person, please; my place in the queue; back to the bot; stop writing to me.

Pure and quick.

``asks_for_person`` must tell the request from the mention. Each word of a message becomes one letter
(``lexicon``), each message a short string such as ``WVXDP`` ("quero falar com um atendente"), and a request is a
pattern over that string. So a new word is one entry in a table, whatever the language; typos are looked up.
"""

from __future__ import annotations

import re
import unicodedata

from conversations import lexicon

LONGEST_REQUEST = 300
# Far more than WhatsApp lets through, far less than what would take long to read.
_LONGEST_READ = 4096

# Cyrillic, Greek and small-capital letters that look like ours; NFKD leaves them as they are.
_LOOK_ALIKES = str.maketrans(
    "АВСЕНІЈКМОРЅТУХасеіјкморѕтухнԁһԛԝпгΑΒΕΖΗΙΚΜΝΟΡΤΥΧαεικνορτυχıɑɡłøđħᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ",
    "ABCEHIJKMOPSTYXaceijkmopstyxhdhqwnrABEZHIKMNOPTYXaeikvoptuxiaglodhabcdefghijklmnoprstuvwyz",
    "\u115f\u1160\u2800",
)


def normalise(text: str) -> str:
    """Letters and digits only, single spaces: no accents, capitals, punctuation, emoji, invisible characters."""
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text).translate(_LOOK_ALIKES)
        # Accents and invisible characters vanish (they stand inside words); all the rest becomes a space.
        vanish = [char for char in set(decomposed) if unicodedata.category(char) in _VANISHING]
        text = decomposed.translate(dict.fromkeys(map(ord, vanish)))
    return " ".join(_NOT_A_WORD.sub(" ", text.lower()).split())


def folded(text: str) -> str:
    """Without accents and capitals, everything else as it is."""
    bare = unicodedata.normalize("NFD", text)
    return "".join(char for char in bare if not unicodedata.combining(char)).casefold()


_VANISHING = frozenset(("Mn", "Mc", "Me", "Cf"))
_NOT_A_WORD = re.compile(r"[\W_]+")


def asks_for_person(text: str) -> bool:
    """True for a request ("quero falar com alguém"), not for a mention ("o atendente de ontem foi ótimo")."""
    if len(text) > _LONGEST_READ or len(normalise(text)) > LONGEST_REQUEST:
        return False
    asked, first = False, True
    for clause, mark in _CLAUSE.findall(_letters(text)):
        bare = clause.replace("L", "").lstrip("#")
        if "-" in bare or (asked and bare == "N"):
            asked = False
        elif not asked:
            asked = _asks(bare, question=mark == "?", bare_noun=first or mark == "!" or "L" in clause)
        first = first and not bare
    return asked


_CLAUSE = re.compile(r"([^,;?!]+)([,;?!]?)")


def _asks(clause: str, *, question: bool, bare_noun: bool) -> bool:
    if bare_noun and _NOUN_ALONE.match(clause):
        return True
    return any(
        _stands(clause[: found.start()], found[0], clause[found.end() :], question=question)
        for request in _REQUESTS
        for found in request.finditer(clause)
    ) or bool(_NO_ROBOT.search(clause))


def _stands(before: str, request: str, after: str, *, question: bool) -> bool:
    """Nothing around it takes the request back: a negation, a condition, another subject, a question."""
    verb = request.lstrip("YAFD")[:1]
    if _CONDITION.search(before) or (_NEGATION.search(before) and not (question and verb == "K")):
        return False
    if (verb in "Wwn" and _SOMEBODY_ELSE.search(before)) or (verb in "Tt" and _TOLD.search(before)):
        return False
    if verb == "w" and re.search("(?<!F)G", before + request + after):
        return False
    if question and ((verb == "n" and after) or (verb == "K" and "k" in after)):
        return False
    return not (after == "N" or (verb == "V" and _JUDGED.match(after)))


# "não quero", "don't think I need" · "quando posso", "quanto tempo … posso" · "do you want" · "o bot me passa".
_NEGATION = re.compile(r"N[cA]*(?:[WwnK][AXF]*Q[cA]*)?$|N[YcAj]*H[QYjA]*$")
_CONDITION = re.compile(r"C[YjyAcD]*$|q")
_SOMEBODY_ELSE = re.compile(r"[jy]A*$")
_TOLD = re.compile(r"[RPpy]A*c?$|D\.c?$")
_JUDGED = re.compile(r"[DA]*I")

# People as the object of a verb: with its link words, which never include "of" or "about".
_SOMEBODY = "[XDAu]*[PpgSs]"
_MAY = "[WwnK][YyjcAXFdQ]*"
_NOUN_ALONE = re.compile(r"X?[DA]*(?:[PpS]|[sg]P|P[sS])(?:[XFDAb]*[PpS])*A*$")
_NO_ROBOT = re.compile(r"N[cA]*[Wwn][AXF]*V[XDA]*R")  # não quero falar com robô
_REQUESTS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{_MAY}(?:B|tc?X)?V[cF]?{_SOMEBODY}",  # quero falar com alguém, can I talk to a person
        rf"(?:^|(?<=A))[YAFD]*V{_SOMEBODY}",  # falar com atendente
        rf"[WwnK][^N]*&[YAcD]*V{_SOMEBODY}",  # quero sair do robô e falar com uma pessoa
        r"[Wwn][AFDYcu]*(?:[Pp]|[sg]P|[Ss](?:$|P))",  # preciso de um atendente
        r"[Wwn][AFD]*Z[FDAb]*[PpS]",  # preciso da ajuda de uma pessoa
        rf"(?:^[YAjDF]*|(?<=&)|{_MAY})m(?:D*P|c[DAu]*[Pp])",  # get me a human
        rf"(?:^[YAjcQ]*|{_MAY})[Tt](?:c{_SOMEBODY}|[XDAF]*[PpSs])",  # pode transferir para um atendente
        rf"(?<=c)[Tt]{_SOMEBODY}",  # (meu pedido sumiu) me passa para alguém
        rf"{_MAY}B?M(?:[XDAFbu]*[PpSs]|$)",  # quero ser atendido por uma pessoa
        rf"O[YyjKWwndQXFcAb]*[VvTtm]c?{_SOMEBODY}|^e[DA]*P$",  # como falo com um atendente, cadê o atendente
        r"^[AYj]*E[DAu]*S?(?:[Pp]$|[Pp][XYjQKADcu]*[VZ])",  # tem alguém aí
        r"^A*[DA]*(?:p[QKcA]*Z|PA*K[cA]*Z)|^PcZ",  # alguém me ajuda, um atendente pode me ligar
        r"Kc*[DAuX]*[Pp][cA]*[VZ]|K[cA]*ZX?[DA]*[Pp](?:$|[XA])",  # can someone help, me puede atender alguien
        r"(?:^A*Q|[Wwn][AY]*Q?X?)[DAu]*[Pp]Q?[cAX]*Z",  # quero que alguém me ligue
        r"(?:^A*|[Wwn]A*)Qc*Z[DAb]*[Pp]",  # quiero que me atienda una persona
        r"(?:[Wwn][YcAXF]*|^)VXD\.$",  # quero falar com a Juliana
    )
)


def _letters(text: str) -> str:
    """One letter per word, "," ";" "!" or "?" where a clause ends, "L" for politeness."""
    letters: list[str] = []
    for words, mark in _SPOKEN.findall(_spelled(text)):
        clause = _PHRASE.sub(lambda found: f"={lexicon.PHRASES[found[0]]}", normalise(words))
        letters += [word[1:] if word[0] == "=" else lexicon.letter(word) for word in clause.split()]
        letters.append(next((end for end in "?!" if end in mark), "," if mark == "," else ";"))
    # "quero falar, por favor, com alguém" is one clause, "não, por favor, quero …" is not.
    return re.sub(r"(?<!N),(L+),|,(L+)[,;!]$", r"\1\2", "".join(letters))


_PHRASE = re.compile(rf"\b(?:{'|'.join(sorted(lexicon.PHRASES, key=len, reverse=True))})\b")
_SPOKEN = re.compile(r"([^.!?;,:\n]+)([.!?;,:\n]*)")


def _spelled(text: str) -> str:
    """What would be lost with accents and punctuation: "é" is not "e", "sí" is not "si", "c/" is "com"."""
    composed = unicodedata.normalize("NFC", text).lower()
    for pattern, spelled in _SPELLINGS:
        composed = pattern.sub(spelled, composed)
    return composed


_SPELLINGS = tuple(
    (re.compile(pattern), spelled)
    for pattern, spelled in (
        (r"\bc/\s*", "com "),
        (r"\bp/\s*", "para "),
        (r"\bs/\s*", "sem "),
        (r"\bé\b", "eh"),
        (r"\bsí\b", "sim"),
        (r"([^\W\d_])\1{2,}", r"\1"),
    )
)


def asks_position(text: str) -> bool:
    """True for "fila", "qual minha posição?", "quanto tempo falta", not for "a fila do banco estava enorme".

    For whoever waits: what is asked so may mean something else at another time.
    """
    if len(text) > LONGEST_REQUEST:
        return False
    clauses = [(letters, mark) for letters, mark in _place_letters(text) if letters]
    if any(_ASKS_PLACE.fullmatch(letters) for letters, _mark in clauses):
        return True
    if len(clauses) != 1:
        return False
    letters, mark = clauses[0]
    return bool(_ASKS_PLACE_ALONE.fullmatch(letters) or ("?" in mark and _ASKS_IF.fullmatch(letters)))


def _place_letters(text: str) -> list[tuple[str, str]]:
    """Of each clause the letters of its words, without those that mean nothing here, and the mark it ends with."""
    found = []
    for words, mark in _SPOKEN.findall(_spelled(text)):
        clause = _PLACE_PHRASE.sub(lambda phrase: f"={_PLACE_PHRASES[phrase[0]]}", normalise(words))
        letters = [word[1:] if word[0] == "=" else lexicon.place_letter(word) for word in clause.split()]
        found.append(("".join(letters).replace("_", ""), mark))
    return found


_PLACE_PHRASES = {
    phrase: kind for kind, listed in lexicon.PLACE_PHRASES.items() for phrase in listed.split("|")
} | {phrase: "_" for phrase, kind in lexicon.PHRASES.items() if kind == "L"}
_PLACE_PHRASE = re.compile(rf"\b(?:{'|'.join(sorted(_PLACE_PHRASES, key=len, reverse=True))})\b")


def _any(*patterns: str) -> re.Pattern[str]:
    """Each after "I would like to know" and the like."""
    return re.compile(f"(?:[sv]*v)?(?:{'|'.join(patterns)})")


_ASKS_PLACE = _any(
    "W?[six]*m?[si]*P[si]*Q|W?[si]*m?QP",  # qual minha posição na fila
    "(?:W[si]*|m)[si]*m?[si]*P[si]*",  # em que posição estou, minha posição
    "W?[si]*m[si]*p[si]*Q?|s?W?[si]*[pu][si]*Q[si]*|W(?:us+|ps+)",  # qual é meu lugar, what number am I
    "W[six]*m?Q[si]*",  # onde estou na fila, how is the queue
    "H[six]*(?:g[sixF]*(?:m?fm?|Q)|[xF]*m?fm?)Q?|H[six]*gF",  # quantas pessoas tem na minha frente
    "(?:C|HT?|HT?[six]*F)[six]*mt|W[si]*mtQ",  # quando é minha vez, quanto falta pra minha vez
    "HT[sixF]*Q",  # quanto tempo de fila
)
_ASKS_PLACE_ALONE = _any(
    "m?[QP]",  # fila, posição
    "H(?=.*[TF])[sixTF]*k?[six]*a?",  # quanto tempo falta, how long will it take
    "W?[si]*m?(?:TF|FT)i*|[six]*FHT?",  # tempo de espera
    "C[six]*a",  # quando vou ser atendido
)
_ASKS_IF = _any(
    "(?=..)[six]*F[six]*(?:mt)?",  # falta muito?
    "[six]*mt|[six]*kT",  # já é minha vez?
    "s+n",  # sou o próximo?
    "[six]*(?:g[six]*(?:m?f|Q)|Q[six]*)",  # tem muita gente na minha frente?
)


def cancels_wait(text: str) -> bool:
    """Back to the bot, said with the whole message."""
    return _whole(text) in CANCEL


def opts_out(text: str) -> bool:
    """No more messages, said with the whole message. Shares no word with ``cancels_wait``."""
    return _whole(text) in OPT_OUT


def opts_in(text: str) -> bool:
    """Messages are welcome again, said with the whole message."""
    return _whole(text) in OPT_IN


def joins_sandbox(text: str) -> bool:
    """``join two-words`` enters Twilio's sandbox and means nothing to us."""
    return len(text) < 100 and _JOIN.fullmatch(text.strip()) is not None


_JOIN = re.compile(r"join\s+[a-z]+[-\s][a-z]+", re.IGNORECASE)


def _whole(text: str) -> str:
    """The whole message without the politeness around it; "" when it is too long to be a command."""
    if len(text) > LONGEST_REQUEST:
        return ""
    return _POLITE.sub("", normalise(text)).strip()


_POLITE = re.compile(
    r"^(?:por favor|please) | (?:por favor|pfv|pf|please|pls|obrigad[oa]|gracias|thanks|thank you)$"
)


def _phrases(listed: str) -> frozenset[str]:
    return frozenset(listed.split("|"))


CANCEL = _phrases(
    "voltar|volta|menu|menu principal|voltar ao menu|voltar pro menu|voltar para o menu|voltar ao inicio|"
    "voltar ao bot|voltar para o bot|cancelar|cancela|cancelar espera|cancelar atendimento|sair da fila|"
    "desisto|desistir|back|go back|main menu|back to menu|back to the menu|back to the bot|cancel|"
    "never mind|nevermind|leave the queue|volver|volver al menu|volver al inicio|volver al bot|regresar|"
    "cancelar la espera|salir de la cola|salir de la fila"
)
OPT_OUT = _phrases(
    "stop|stopall|stop all|parar|pare|sair|quit|unsubscribe|optout|opt out|remove me|stop messages|"
    "stop messaging me|parar de receber|parar mensagens|sair da lista|descadastrar|me descadastre|"
    "descadastre|desinscrever|cancelar inscricao|cancelar minha inscricao|cancelar recebimento|remover|"
    "me remova|nao quero receber mensagens|nao quero mais receber mensagens|nao me mande mais mensagens|"
    "baja|dar de baja|darme de baja|dame de baja|salir|detener|cancelar suscripcion|"
    "cancelar mi suscripcion|desuscribir|desuscribirme|no quiero recibir mensajes|"
    "no quiero recibir mas mensajes|no quiero mas mensajes"
)
OPT_IN = _phrases(
    "start|unstop|resubscribe|subscribe|opt in|optin|voltar a receber|voltar a receber mensagens|"
    "quero voltar a receber|quero voltar a receber mensagens|quero receber mensagens|reativar|"
    "reativar mensagens|alta|darme de alta|dame de alta|volver a recibir|volver a recibir mensajes|"
    "quiero volver a recibir mensajes|quiero recibir mensajes|reactivar"
)
