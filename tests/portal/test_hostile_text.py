"""Markup in every text there is, as if it had been written past all checks: pages show it as text, mails keep to their lines."""

import importlib
from html.parser import HTMLParser

import pytest
from django.apps import apps
from django.db import connection, models
from django.utils import timezone

from enrollment import notices, tasks
from enrollment.models import Resource, User
from tests import factories
from tests.portal.test_url_matrix import ROUTES, browsers, filled_in, numbers  # noqa: F401 - fixtures

MARKUP = "\"><dfn hx-post=/>&'"
OURS = ("enrollment", "enforcement", "auth")
# Words of ours, checked by constraints or by what they stand for; and what is read as something else than text.
NOT_TYPED = {"state", "verdict", "kind", "key_origin", "slug", "subject", "issuer", "username", "password", "public_key", "email", "hash"}
NOT_TYPED |= {
    "previous",
    "prefix_v4",
    "prefix_v6",
    "protocol",
    "outcome",
    "endpoint_host",
    "digest",
    "source",
    "disabled_by_source",
    "sid",
    "acr",
    "verb",
    "refusal",
}
append_only = importlib.import_module("enrollment.migrations.0002_keep_history_unchanged")


class Elements(HTMLParser):
    """Gathers elements that only the hostile text could have made."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        if tag == "dfn" or any(name == "hx-post" for name, _value in attributes):
            self.found.append((tag, attributes))


def text_columns():
    """Every column that holds text which somebody outside this code chose."""
    for model in apps.get_models(include_auto_created=True):
        for field in model._meta.concrete_fields if model._meta.app_label in OURS else ():
            is_text = isinstance(field, models.CharField | models.TextField) and not isinstance(field, models.EmailField)
            if is_text and not field.choices and field.name not in NOT_TYPED and (field.max_length or 99) >= len(MARKUP) + 5:
                yield model, field


@pytest.fixture
def hostile(numbers, browsers):  # noqa: F811 - the fixtures above
    """The world of the matrix, with markup in it wherever text can be."""
    written = 0
    append_only.lift(connection)
    for model, field in text_columns():
        for row in model.objects.all():
            written += model.objects.filter(pk=row.pk).update(**{field.name: f"{row.pk:0>3}{MARKUP}"})
    append_only.protect(connection)
    assert written > 40
    return numbers


def test_markup_in_any_text_is_shown_as_text_to_everybody(hostile, browsers):  # noqa: F811
    shown = 0
    for browser in browsers:
        for route in ROUTES:
            answer = browser.get(filled_in(route, hostile))
            if not answer["Content-Type"].startswith("text/html"):
                continue
            page, elements = answer.content.decode(), Elements()
            elements.feed(page)
            assert elements.found == [], route
            shown += "hx-post=/" in page
    assert shown > 60


def test_a_name_with_line_ends_adds_no_header_to_a_mail(fileshare, alice, bob, laptop, mailoutbox):
    evil = "Wiki\r\nBcc: everybody@example.com\r\n\r\nHello"
    User.objects.filter(pk=alice.pk).update(name=evil)
    Resource.objects.filter(pk=fileshare.pk).update(name=evil)
    alice.refresh_from_db()
    factories.a_request(alice, Resource.objects.get(pk=fileshare.pk), [laptop], now=timezone.now())
    assert tasks.mail_due_notices() is None
    sent = [mail for mail in mailoutbox if "asks for" in mail.subject]
    assert sent
    for mail in sent:
        message = mail.message()
        assert (mail.recipients(), message["Bcc"], "\n" in mail.subject) == (["bob@example.com"], None, False)
        assert len(mail.subject) <= notices.LONGEST_SUBJECT
