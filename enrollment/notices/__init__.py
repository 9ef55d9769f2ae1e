"""Notices: to those who may answer, to whoever asked, to the owners of devices and of access, to admins; and to a chat.

Written with the change they speak of and sent by a worker of their own, so a mail server
or a chat that hangs holds back neither a page nor a PEP. A link in a notice carries no
power: it leads to a page that asks who is there.
"""

from enrollment.notices.grants import (
    tell_of_break_glass,
    tell_of_review,
    tell_owner_of_delay,
    tell_owner_of_end,
    tell_owner_of_revoke,
)
from enrollment.notices.outbox import LONGEST_SUBJECT, once, told
from enrollment.notices.people import ask_admins, tell_admins, tell_delegate, tell_delegation_ended, tell_device_owner
from enrollment.notices.reminding import REMIND_EVERY, remind_due
from enrollment.notices.requests import ask_approvers, remind_approvers, tell_nobody_need_answer, tell_requester
from enrollment.notices.sending import KEPT, MOST_TRIES, post_due, send_due

__all__ = [
    "KEPT",
    "LONGEST_SUBJECT",
    "MOST_TRIES",
    "REMIND_EVERY",
    "ask_admins",
    "ask_approvers",
    "once",
    "post_due",
    "remind_approvers",
    "remind_due",
    "send_due",
    "tell_admins",
    "tell_delegate",
    "tell_delegation_ended",
    "tell_device_owner",
    "tell_nobody_need_answer",
    "tell_of_break_glass",
    "tell_of_review",
    "tell_owner_of_delay",
    "tell_owner_of_end",
    "tell_owner_of_revoke",
    "tell_requester",
    "told",
]
