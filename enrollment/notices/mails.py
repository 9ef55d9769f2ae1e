"""One notice as a mail: plain text, and the same words as HTML that loads nothing and sets no colour of its own."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import translation

from enrollment.models import Notice


def as_mail(notice: Notice) -> EmailMultiAlternatives:
    """Return it ready to be sent: no program answers it, and a mailbox shows what is about one request together."""
    host = (urlsplit(settings.PUBLIC_URL).hostname or "localhost").replace(":", ".")
    headers = {"Auto-Submitted": "auto-generated", "Message-ID": f"<{notice.name}@{host}>", "Content-Language": notice.language}
    if notice.thread:
        headers |= dict.fromkeys(("In-Reply-To", "References"), f"<{notice.thread}@{host}>")
    mail = EmailMultiAlternatives(notice.subject, plain(notice), to=[notice.to], headers=headers)
    with translation.override(notice.language):
        page = render_to_string("mail/notice.html", {"notice": notice, "portal": settings.PUBLIC_URL})
    mail.attach_alternative(page, "text/html")
    return mail


def plain(notice: Notice) -> str:
    """Return the words as text. Each line that somebody typed begins with a mark, so that none passes for ours."""
    quotation = "\n".join(f"> {line}" for line in notice.said.splitlines())
    return "\n\n".join(part for part in (notice.text.strip(), quotation, notice.url) if part) + "\n"
