"""The vocabularies of ``words``: one letter per word, in three languages, typos included. Pure.

``KINDS`` and ``PHRASES`` are for ``asks_for_person``, ``PLACE_KINDS`` and ``PLACE_PHRASES`` for ``asks_position``.

Capital and small letters are different kinds. Words are stored as ``words.normalise`` leaves them.
"""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache
from itertools import combinations

OTHER = "."

KINDS: dict[str, str] = {
    # A person by the work they do; somebody; people and departments that only a verb makes a request of.
    "P": "atendente atendentes atend atendt atendimentista humano humana humanos operador operadores "
    "agente agentes representante representantes vendedor vendedora vendedores consultor consultora "
    "gerente gerentes supervisor supervisora assistente funcionario funcionaria human humans agent "
    "agents representative representatives rep reps operator operators manager assistant "
    "advisor employee asesor asesora asesores ejecutivo ejecutiva asistente empleado encargado "
    "encargada",
    "p": "pessoa pessoas alguem algm person persons people someone somebody anyone anybody persona "
    "personas alguien",
    "g": "gente pessoal moca moco rapaz dono dona proprietario responsavel financeiro comercial "
    "vendas gerencia setor departamento loja owner sales department management store billing ventas "
    "dueno duena responsable tienda",
    # Service: enough alone ("atendimento"); support: only with a verb or a person.
    "S": "atendimento sac",
    "s": "suporte support soporte equipe time team equipo ajudante",
    "R": "robo robos bot bots robot robots maquina maquinas machine chatbot chatbots ia "
    "automatico computador computer",
    # Talking; how I would do it ("como falo"); wishing, wishing in the past, needing, being allowed.
    "V": "falar fla flar falr flr fala conversar convesar falarmos talk tlk speak speek spk chat "
    "hablar ablar platicar charlar comunicar comunicarme comunicarse contactar contactarme contatar "
    "contato contacto contact reach",
    "v": "falo converso hablo chamo llamo aciono peco pido",
    "W": "quero qro kero qero quro queremos querendo gostaria gostariamos desejo prefiro exijo "
    "solicito quiero kiero qiero quisiera quisieramos deseo prefiero want wanna wana wnat prefer "
    "rather demand wish",
    "w": "queria qria kria queriamos tentando wanted trying intentando tratando",
    "n": "preciso precisamos necessito need gotta necesito necesitamos ocupo",
    "K": "posso pode podem poderia poderiam podemos consigo consegue conseguem puedo puede pueden "
    "puedes podria podrian podrias can could may would will possa possam pueda puedan",
    # Passing on, as an order and as an infinitive; getting hold of; helping; the passive of these.
    "T": "transfere transfira trasfere tranfere transferem transfiram transfiere transfiera "
    "transfiereme transfierame transfieranme passa passe pasa pase pasame paseme pasenme chama chame "
    "chamem encaminha encaminhe direciona direcione conecta conecte conectame conecteme comunica "
    "comunique comunicame comuniqueme deriva derivame deriveme llama llame llamen ponme pongame coloca "
    "coloque bota bote pasen comuniquen transfieran conecten passem encaminhem conectem coloquem",
    "t": "transferir colocar passar chamar encaminhar direcionar conectar pedir solicitar transferirme pasar "
    "pasarme llamar derivar derivarme transfer connect forward escalate redirect switch route put pass "
    "request",
    "m": "get give bring fetch send manda mande mandar dame deme traz traga mandame",
    "Z": "ajudar ajuda ajude atender atende atenda responder responde responda ligar liga ligue "
    "retornar retorne auxiliar help assist call answer respond reply ayudar ayudarme ayuda ayude "
    "atienda atiende atenderme llamarme contacte atendam ajudem atiendan ayuden liguem",
    "M": "atendido atendida transferido transferida encaminhado encaminhada conectado conectada "
    "connected transferred helped assisted served redirected derivado derivada",
    "B": "ser be",
    # What frames the sentence: is there, how, where is, if and when, how long, not.
    "E": "tem ha existe teria hay tienen tienes",
    "O": "como how onde where donde",
    "e": "cade",
    "C": "se if si caso quando when cuando whenever why before antes",
    "q": "quanto quantos quantas cuanto cuantos cuantas",
    "N": "nao n num naum nunca jamais nem not no never dont didnt doesnt wont cant cannot wouldnt "
    "tampoco ni sem without sin",
    "c": "me nos te us mim lhe le les",
    "Y": "eu i we yo nosotros",
    "j": "voce voces vc vcs you u usted ustedes tu vos",
    "y": "ele ela eles elas he she they it sistema system cliente customer quem who",
    "X": "com con c cm with w to para pra pro p ao aos al through onto",
    "F": "de do da dos das dum duma del of from d",
    "b": "por by",
    "D": "o a os as um uma uns umas algum alguma alguns the an some any un una el la los las algun "
    "alguna real live actual true verdadeiro verdadeira verdadero verdadera mesmo mesma same seu sua "
    "your este esse essa",
    "u": "outro outra another other otro otra different diferente",
    "A": "mais mas so apenas muito realmente tambem tbm really just also even only simply still "
    "longer anymore mejor melhor solo solamente",
    "Q": "que q that quien",
    "H": "acho creio penso think believe creo pienso",
    "d": "faco faz fazer hago hacer",
    "I": "eh foi era was is were es fue demora leva takes tarda demorou took",
    "k": "domingo sabado segunda terca quarta quinta sexta feriado feriados amanha noite madrugada "
    "sunday saturday monday tuesday wednesday thursday friday weekend weekends holiday holidays "
    "tomorrow night lunes martes miercoles jueves viernes festivos manana noche",
    "G": "ontem anteontem yesterday ayer anteayer earlier",
    "&": "e and y",
    ";": "but pero porem entonces",
    "L": "oi oie ola opa boa bom favor pfv pf pfvr pls plz please obrigado obrigada obg brigado "
    "brigada valeu vlw hi hello hey hola buenas thanks thx gracias agora ja logo urgente urgentemente "
    "now asap ahora ahorita ya aqui ai ahi alla ali here there disponivel available disponible online "
    "livre gentileza rs rsrs kk ne ta ok entao then well amigo hein viu immediately imediatamente "
    "inmediatamente diretamente directly directamente direto sim yes opcao opcion option urgent sorry "
    "desculpa perdon tudo bem",
    # Common words one slip away from a word above, and forms of it that tell instead of asking.
    OTHER: "precio precios preciosa precisa precise precisou precisei agende agenda agendar agencia agency "
    "personal pessoais faltar falhar falara speaks spear steak atendeste atendidos "
    "conversa conversas conversou quieres quiere quer operadora operado operar deseja desejou prefere "
    "necesita necesite contatos contactos contacts hablara hable quebro queres reaches "
    "teach beach chats assistencia assistance asistencia presente pessoalmente",
}

_PHRASES: dict[str, str] = {
    "P": "ser humano|seres humanos",
    "S": "customer service|customer care|customer support|atendimento ao cliente|servicio al cliente|"
    "atencion al cliente|servico ao cliente|central de atendimento|live chat|live support|ajuda humana|"
    "atencion humana|ayuda humana|human help|help desk",
    "R": "assistente virtual|atendente virtual|agente virtual|asistente virtual|virtual assistant|"
    "virtual agent|ai agent|ai assistant|atendente robo|atendimento automatico",
    "V": "entrar em contato|entrar em contacto|ponerme en contacto|get in touch|get in contact|"
    "get a hold of|get hold of",
    "Z": "entre em contato|entrasse em contato|call back|se ponga en contacto|get in touch with me",
    "W": "would like|d like|id like|d love|d rather|d prefer|let me|me deixa|me deixe|deixa eu|"
    "dejame|dejeme|a gente quer|a gente precisa|vou querer|looking to|speak please",
    "n": "tenho que|tenho de|tengo que|have to|got to",
    "K": "tem como|teria como|ha como|da pra|da para|da p|daria pra|e possivel|eh possivel|"
    "seria possivel|tem jeito de|tem possibilidade de|is it possible|would it be possible|any chance|"
    "any way|is there a way|is there any way|es posible|seria posible|hay forma de|hay manera de|"
    "hay posibilidad de|se puede|se podria|can t i|cant i|why can t i|why cant i|would you mind",
    "M": "put through",
    "T": "liga com|ligue com|ligar com|ponga con|pon con",
    "E": "is there|are there|do you have",
    "Ep": "is anyone|is anybody|is someone|is somebody|esta alguien|some one|any one",
    "O": "o que eu faco|o que faco|o que devo fazer|que hago|que debo hacer|what do i do|"
    "what should i do|what do i have to do|what do i need to do",
    "e": "where is|where s|wheres|onde esta|donde esta",
    "C": "do i need|do we need|do i have|should i|must i|por que|por q|toda vez|sempre que|"
    "cada vez que|every time|siempre que|what if",
    "q": "que horas|que hora|what time|how long|how much|how many|que dia|que dias|what days|ate quando",
    "N": "don t|didn t|doesn t|won t|can t|wouldn t|isn t|aren t",
    "D": "de verdade|de carne e osso|de carne y hueso|um dos|uma das|um de seus|uma de suas|one of|"
    "uno de|una de",
    "G": "semana passada|mes passado|last week|last month|last time|semana pasada|mes pasado|"
    "outro dia|other day|ultima vez",
    "L": "por favor|por gentileza|bom dia|boa tarde|boa noite|buenos dias|buenas tardes|"
    "buenas noches|good morning|good afternoon|good evening|tudo bem|tudo bom|que tal|how are you|"
    "thank you|se possivel|if possible|se for possivel|si es posible|com urgencia|con urgencia|"
    "o quanto antes|o mais rapido possivel|lo antes posible|as soon as possible|right now|right away|"
    "pelo amor de deus|for god s sake|muito obrigado|muito obrigada|muchas gracias|if you don t mind|"
    "se nao for incomodo",
    # A request taken back, and words for persons that mean something else.
    "-": "ja resolvi|ja foi resolvido|ja esta resolvido|ja deu certo|deixa pra la|deixa para la|"
    "deixa quieto|nao precisa mais|nao precisa|esquece|esqueca|never mind|nevermind|forget it|"
    "already solved|already fixed|already resolved|solved it|figured it out|no longer needed|"
    "ya lo resolvi|ya se resolvio|olvidalo|ya no hace falta|no hace falta",
    OTHER: "pessoa fisica|pessoa juridica|persona fisica|persona juridica|persona moral|por pessoa|"
    "per person|por persona|in person|em pessoa|en persona|recursos humanos|direitos humanos|"
    "human resources|human hair|human rights|cabelo humano|cabello humano|agente de viagens|real time",
}

PHRASES = {phrase: kind for kind, listed in _PHRASES.items() for phrase in listed.split("|")}
_WORDS = {word: kind for kind, listed in KINDS.items() for word in listed.split()}


def _without(word: str, slips: int) -> set[str]:
    """The word, and what is left of it without up to so many letters: words that meet here are close."""
    return {
        "".join(char for place, char in enumerate(word) if place not in gone)
        for count in range(slips + 1)
        for gone in combinations(range(len(word)), count)
    }


def slips_allowed(word: str) -> int:
    """How many slips of the finger a word of this length forgives."""
    return 0 if len(word) < 5 else 1 if len(word) < 9 else 2


def same_word(typed: str, meant: str) -> bool:
    """Equal, or a slip or two apart in a word long enough to bear it."""
    if typed == meant:
        return True
    slips = slips_allowed(meant)
    if not slips or len(typed) < 4 or typed[0] != meant[0] or abs(len(typed) - len(meant)) > slips:
        return False
    return _distance(typed, meant) <= slips


def _distance(left: str, right: str) -> int:
    """Letters changed, left out, added or swapped with their neighbour."""
    before, row = [0] * (len(right) + 1), list(range(len(right) + 1))
    for i, char in enumerate(left, 1):
        before, above, row = row, before, [i]
        for j, other in enumerate(right, 1):
            cost = min(row[j - 1] + 1, before[j] + 1, before[j - 1] + (char != other))
            if i > 1 and j > 1 and char == right[j - 2] and left[i - 2] == other:
                cost = min(cost, above[j - 2] + 1)
            row.append(cost)
    return row[-1]


def _typos() -> dict[str, set[str]]:
    close: defaultdict[str, set[str]] = defaultdict(set)
    for word, kind in _WORDS.items():
        if len(word) >= (8 if kind == "T" else 5) and kind in "PpSVWnT":
            for rest in _without(word, slips_allowed(word)):
                close[rest].add(word)
    return dict(close)


_CLOSE = _typos()


# Gerunds and past tenses tell; they are no typos of an infinitive.
_TELLING = ("ndo", "ei", "ou", "ava", "aram", "aste")


@lru_cache(maxsize=4096)
def letter(word: str) -> str:
    """The kind of this word, typos forgiven; ``OTHER`` for all that does not matter to a request."""
    if known := _WORDS.get(word):
        return known
    if word.isdigit():
        return "#"
    if word.endswith(_TELLING) or not 4 <= len(word) <= 16:
        return OTHER
    meant = {near for rest in _without(word, slips_allowed(word) or 1) for near in _CLOSE.get(rest, ())}
    return next((_WORDS[near] for near in sorted(meant) if same_word(word, near)), OTHER)


PLACE_KINDS: dict[str, str] = {
    # The queue; a place by name, by a word with other meanings, by number; a turn; others; ahead; being served.
    "Q": "fila filas cola colas queue queues",
    "P": "posicao posisao pocisao posicion posision pocision position",
    "p": "lugar puesto place spot",
    "u": "numero number num",
    "t": "vez turno turn",
    "g": "gente pessoas personas people clientes customers",
    "f": "frente antes ahead before front delante adelante",
    "a": "atendido atendida atendimento atender atendem atenden atiende atienden atiendan served helped answered",
    "n": "proximo proxima siguiente next",
    # What, when, how much; time; what is still missing; what only a time makes clear.
    "W": "qual ql cual what whats which where onde aonde donde como how",
    "C": "quando qd qdo cuando when",
    "H": "quanto quantos quantas qto qnto qtos cuanto cuantos cuantas",
    "T": "tempo tiempo time long",
    "F": "falta faltam faltan flta falt demora demorar demorando tarda tardar espera esperar esperando wait "
    "waiting left remaining restam resta quedan queda",
    "k": "leva levar take takes",
    # Whose; being, of oneself and of others; how much more; wishing to know.
    "m": "minha meu mi my",
    "s": "estou to tou sou sigo soy estoy am eu yo i",
    "i": "eh es is are esta ta vai vou va voy vamos tem ha hay ser be chega chegar llega llegar toca tenho tengo "
    "devo debo have will until till there",
    "x": "muito muita mto mt mucho mucha mais mas much many more longer still ainda todavia quase casi almost "
    "minutos minutes grande far",
    "v": "quero queria gostaria saber sabe dizer diz diga informar informa ver consultar pode poderia quiero "
    "quisiera decir dime digame puede puedes want would like know tell could can check d",
    # What means nothing here; words that are one slip away and mean another thing.
    "_": "a o as os la el lo las los the na no nas nos da do de del en em in of at para pra pro por ao al que q "
    "e y and ate hasta me te mim it s m us ti you voce vc vcs estimado estimated",
    OTHER: "falha falhas templo",
}
PLACE_PHRASES: dict[str, str] = {
    "Q": "in line|the line|waiting line|waiting list|fila de espera|cola de espera|lista de espera",
    "W": "em que|en que",
    "HT": "how long|how much longer|how much time",
    "H": "how many|how much",
}
_PLACE_WORDS = {word: kind for kind, listed in PLACE_KINDS.items() for word in listed.split()}
_PLACE_NAMES = (
    *("posicao", "posicion", "position", "queue", "quanto", "quantos", "quantas"),
    *("cuanto", "cuantos", "cuantas", "tempo", "tiempo"),
)


@lru_cache(maxsize=1024)
def place_letter(word: str) -> str:
    """The kind of this word in a question about one's place; ``OTHER`` makes it another sentence."""
    if known := _PLACE_WORDS.get(word):
        return known
    if known := _WORDS.get(word):
        return "_" if known == "L" else OTHER
    near = next((name for name in _PLACE_NAMES if same_word(word, name)), None)
    return _PLACE_WORDS[near] if near else OTHER
