"""One notice as a mail: plain text, and the same words as HTML that loads nothing and sets no colour of its own."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext

from enrollment.models import Notice, NoticeItem
from enrollment.notices.outbox import NAMES, one_line


def as_mail(notice: Notice, items: Sequence[NoticeItem] = ()) -> EmailMultiAlternatives:
    """Return it ready to be sent: no program answers it, and a mailbox shows what is about one request together.

    `items` are those of its requests that it lists, each with a link of its own; their names stand in the subject.
    """
    host = (urlsplit(settings.PUBLIC_URL).hostname or "localhost").replace(":", ".")
    headers = {"Auto-Submitted": "auto-generated", "Message-ID": f"<{notice.name}@{host}>", "Content-Language": notice.language}
    if notice.thread:
        headers |= dict.fromkeys(("In-Reply-To", "References"), f"<{notice.thread}@{host}>")
    subject = one_line(_naming(notice.subject, items))
    with translation.override(notice.language):
        mail = EmailMultiAlternatives(subject, plain(notice, items), to=[notice.to], headers=headers)
        said = {"notice": notice, "subject": subject, "items": items, "portal": settings.PUBLIC_URL}
        mail.attach_alternative(render_to_string("mail/notice.html", said), "text/html")
    return mail


def plain(notice: Notice, items: Sequence[NoticeItem] = ()) -> str:
    """Return the words as text. Each line that somebody typed begins with a mark, so that none passes for ours."""
    quotation = "\n".join(f"> {line}" for line in notice.said.splitlines())
    listed = "\n\n".join(f"{item.line}\n{item.url}" for item in items)
    end = gettext("All that waits for you: %(address)s") % {"address": notice.url} if items else notice.url
    return "\n\n".join(part for part in (notice.text.strip(), quotation, listed, end) if part) + "\n"


def _naming(subject: str, items: Sequence[NoticeItem]) -> str:
    before, mark, after = subject.rpartition(NAMES)
    return f"{before}{', '.join(item.name for item in items)}{after}" if items and mark else subject
