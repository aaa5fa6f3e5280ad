"""Every transition of a conversation, and the only writer of its mode, epoch, operator and offered_to.

            request                                  claim
    bot ─────────────────▶ queued ──────────────────────────▶ human ─┐
     ▲ ▲                    │ ▲ ▲ offer, decline               │ ▲   │ claim, forced: another operator
     │ └───── cancel ───────┘ └─┘                              │ └───┘
     │                        ▲                                │
     │                        └────── transfer, requeue ───────┤
     └──────────────────────────── release ────────────────────┘
      (claim takes a conversation straight from the bot, too; so does start, in order to write first;
       merge ends one and lets another go on in its mode, if that is the stronger one)

Each is one transaction around one conditional UPDATE whose row count decides; ``epoch`` rises with each change of
mode or holder and fences whoever spoke before. Losing a race is normal and has a name in ``errors``. One that a
deadline causes holds only while that deadline does (``due``): a reply at the same moment has moved it on.
"""

from conversations.handoffs.asking import cancel, request
from conversations.handoffs.claiming import claim, start
from conversations.handoffs.merging import merge
from conversations.handoffs.moving import requeue, transfer
from conversations.handoffs.offering import decline, offer
from conversations.handoffs.releasing import release
from conversations.handoffs.waiting import NUDGES, nudge, overdue

__all__ = [
    "NUDGES",
    "cancel",
    "claim",
    "decline",
    "merge",
    "nudge",
    "offer",
    "overdue",
    "release",
    "request",
    "requeue",
    "start",
    "transfer",
]
