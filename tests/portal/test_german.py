"""The portal in German: every page as everybody, looked through for English that was left over."""

import re
from html.parser import HTMLParser

import pytest
from django.conf import settings
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from django.utils import translation

from tests.portal.test_catalogue import CATALOGUE, ROOT, read
from tests.portal.test_url_matrix import ROUTES, filled_in, number_things

pytestmark = pytest.mark.django_db
ENGLISH = re.compile(r"\b(?:the|is|of|and|are|to|not|you|your|with|for|until|by|it|has|have|this|that|who|what|there|or|from|since|at)\b")
SAME = {
    "Search",  # which Django itself leaves so
    "Name",
    "Port",
    "Text",
    "Code",
    "Export",
    "Ticket",
    "Person",
    "Agent",
    "Laptop",
    "Alarm",
}  # in both languages
SHOWN = {"alt", "aria-label", "title", "placeholder", "data-done", "data-label"}
TYPED = {"code", "pre", "q", "script", "style", "time", "textarea", "option"}  # what people or machines wrote
MARKED = {"typed", "field-words", "field-what"}
HISTORY = ("admin/enrollment/auditevent/", "admin/enforcement/receipt/")  # written in English, whoever made it
VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}


class Words(HTMLParser):
    """What somebody reads on a page, or has read to them, but for what people typed and what machines wrote."""

    def __init__(self):
        super().__init__()
        self.found, self.open, self.language = [], [], ""

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.language = values.get("lang", "") if tag == "html" else self.language
        is_typed = tag in TYPED or "typed" in (values.get("class") or "").split() or ("lang" in values and tag != "html")
        shown = SHOWN | ({"value"} if values.get("type") == "submit" else set())
        self.found += [values[name] for name in shown & set(values) if values[name]]
        if tag not in VOID:
            self.open.append((tag, is_typed))

    def handle_endtag(self, tag):
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, text):
        if text.strip() and not any(is_typed for _tag, is_typed in self.open):
            self.found.append(" ".join(text.split()))


def words_of(page):
    words = Words()
    words.feed(page)
    return words


@pytest.fixture(scope="module")
def english():
    """Every text of ours that reads differently in German."""
    texts = read((ROOT / CATALOGUE).with_suffix(".mo"))
    return {key for key, german in texts.items() if isinstance(key, str) and key != german} - SAME


@pytest.mark.parametrize("name", ["alice", "bob", "dave"])
def test_no_page_has_english_left_over(name, request, pep, fileshare, alice, bob, laptop, english):
    numbers = number_things(pep, fileshare, alice, bob, laptop)
    browser = Client(headers={"accept-language": "de-AT,de;q=0.9,en;q=0.5"})
    browser.force_login(request.getfixturevalue(name))
    left = {}
    for route in ROUTES:
        answer = browser.get(filled_in(route, numbers))
        if route.startswith(HISTORY):
            continue
        if answer.headers.get("content-type", "").startswith("text/html") and not answer.streaming and answer.content:
            words = words_of(answer.text)
            found = [text for text in words.found if text in english or ENGLISH.search(text.replace("policy of fileshare", ""))]
            left |= {route: found} if found or words.language != "de" else {}
    assert left == {}


def test_the_admin_has_a_german_name_for_each_table_and_column():
    tables = [table for table in admin.site._registry if table._meta.app_label in {"enrollment", "enforcement"}]  # noqa: SLF001 - as above
    tables += [inline.model for rows in admin.site._registry.values() for inline in rows.inlines]  # noqa: SLF001
    with translation.override(None):
        names = {str(column.verbose_name) for table in tables for column in (*table._meta.fields, *table._meta.many_to_many)}
        names |= {str(name) for table in tables for name in (table._meta.verbose_name, table._meta.verbose_name_plural)}
    with translation.override("de"):
        assert {name for name in names if translation.gettext(name) == name} - {"ID", "IPv4", "IPv6", "acr", "amr", "sid"} == set()


def test_whoever_chooses_a_language_has_it_from_then_on(client):
    page = reverse("signed_out")
    assert ">Deutsch<" in client.get(page).text
    answer = client.post("/language/", {"language": "de"}, headers={"referer": f"http://testserver{page}"})
    assert (answer.status_code, client.cookies[settings.LANGUAGE_COOKIE_NAME]["httponly"]) == (302, True)
    assert "Sie sind abgemeldet" in client.get(answer.url).text
    assert ">English<" in client.get(answer.url).text


@pytest.mark.parametrize("sent", [{"next": "https://elsewhere.example/"}, {"next": "//elsewhere.example"}, {}])
def test_choosing_a_language_leads_to_no_other_site(client, sent):
    answer = client.post("/language/", {"language": "de", **sent}, headers={"referer": "https://elsewhere.example/"})
    assert (answer.status_code, answer.url) == (302, "/")


def test_the_answer_to_a_form_offers_no_other_language(client, alice):
    """It may hold what is shown once."""
    client.force_login(alice)
    form = {"name": "Laptop", "kind": "laptop", "way": "pasted", "public_key": "x"}
    assert "languages" in client.get("/devices/new/").text
    assert "languages" not in client.post("/devices/new/", form).text
