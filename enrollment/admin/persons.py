"""People as lists show them: the address stands small below the name, because a name is no one's alone."""

from __future__ import annotations

from django.utils.html import format_html
from django.utils.safestring import SafeString

from enrollment.models import User
from enrollment.sentences import say


def told_apart(words: str, user: User | None) -> SafeString:
    """Return what a cell says of somebody, with what tells them from others of the same name."""
    return below(words, address_of(user) if user else "")


def below(words: str, address: str) -> SafeString:
    """Return the words with an address below, unless they are the address or there is none."""
    return (
        format_html('{}<br><small class="address">{}</small>', words, address) if address not in {"", words} else format_html("{}", words)
    )


def address_of(user: User) -> str:
    """Return the e-mail address; where the provider told none, the account's number."""
    return user.email or say("user {pk}", pk=user.pk)
