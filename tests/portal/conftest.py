"""A portal that signs in at the demo's real provider, and a browser without JavaScript."""

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from django.core.cache import cache
from django.test import Client

from tests import factories
from tests.portal import scim
from tests.portal.hostile import hostile_provider
from tests.provider import running_provider

FORM_OF_PAGE = re.compile(r'<form\b(?![^>]*\baction=)[^>]*\bmethod="post".*?</form>', re.DOTALL)
FORM = re.compile(r'<form\b[^>]*\bmethod="post".*?</form>', re.DOTALL | re.IGNORECASE)
SENDS_ITSELF = "document.forms[0].submit()"  # where a browser with JavaScript would not stop
PORTAL = "http://localhost:8000"  # never listens: Django's test client stands for it


class Browser:
    """Django's test client for the portal, `requests` for the provider; follows redirects and presses buttons like a person."""

    def __init__(self):
        self.portal = Client(HTTP_HOST="localhost:8000", enforce_csrf_checks=True)
        self.elsewhere = requests.Session()
        self.trail = []

    def get(self, url):
        return self._follow(self._send("GET", url, None))

    def press(self, page, **fields):
        """Press the button of a form: POST its hidden fields, with `fields` over them."""
        return self._follow(self._send("POST", address_of_form(page), {**hidden_fields(page), **fields}))

    def sign_in(self, username, **query):
        """Press the portal's button, then the person's at the provider if it asks; return where one arrives."""
        page = self.press(self.get(f"{PORTAL}/accounts/oidc/login/" + ("?" + requests.compat.urlencode(query) if query else "")))
        return self.press(page, username=username) if "Who are you?" in page.text else page

    def sign_out(self):
        """Press the portal's button, then the provider's if it asks; return where one arrives."""
        page = self.press(self.get(f"{PORTAL}/accounts/logout/"))
        return self.press(page, logout="yes") if "Sign out here too?" in page.text else page

    def _send(self, method, url, fields):
        self.trail.append(url)
        if url.startswith(PORTAL):
            answer = self.portal.generic(
                method, url.removeprefix(PORTAL) or "/", requests.compat.urlencode(fields or {}), "application/x-www-form-urlencoded"
            )
            return Page(url, answer.status_code, answer.content.decode(), answer.headers)
        answer = self.elsewhere.request(method, url, data=fields, allow_redirects=False, timeout=10)
        return Page(url, answer.status_code, answer.text, answer.headers)

    def _follow(self, page):
        while page.status in {301, 302, 303}:
            page = self._send("GET", requests.compat.urljoin(page.url, page.headers["Location"]), None)
        return self.press(page) if SENDS_ITSELF in page.text else page


class Page:
    def __init__(self, url, status, text, headers):
        self.url, self.status, self.text, self.headers = url, status, text, headers

    @property
    def path(self):
        return urlsplit(self.url).path

    @property
    def query(self):
        return {name: values[0] for name, values in parse_qs(urlsplit(self.url).query).items()}


def hidden_fields(page):
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form_of(page))
    return {name: unescape(value) for name, value in found}


def address_of_form(page):
    action = re.match(r'<form[^>]*\baction="([^"]+)"', form_of(page))
    return requests.compat.urljoin(page.url, unescape(action[1])) if action else page.url


def form_of(page):
    """Return the form that a page is about: the first that leads back to it, else the first of its main part."""
    found = FORM_OF_PAGE.search(page.text) or FORM.search(page.text.partition("<main")[2]) or FORM.search(page.text)
    return found[0] if found else ""


@pytest.fixture(scope="session")
def provider(tmp_path_factory):
    with running_provider(tmp_path_factory.mktemp("provider"), portal=PORTAL) as running:
        yield running


@pytest.fixture
def portal(settings, db):
    settings.ALLOWED_HOSTS = ["localhost"]
    settings.PUBLIC_URL = PORTAL
    cache.clear()
    return settings


@pytest.fixture
def demo_portal(portal, provider):
    for name, value in provider.settings.items():
        setattr(portal, name, value)
    return portal


@pytest.fixture
def browser():
    return Browser()


@pytest.fixture
def hostile(portal):
    with hostile_provider() as running:
        portal.DEMO = True
        portal.OIDC_ISSUER = running.issuer
        portal.OIDC_CLIENT_ID = "lychgate"
        portal.OIDC_CLIENT_SECRET = "a secret of this test"
        yield running


@pytest.fixture
def directory(settings, db):
    """The directory of the issuer that factories' people have, speaking SCIM with a token, from a client that also checks for CSRF."""
    settings.SCIM_TOKEN, settings.OIDC_ISSUER = scim.TOKEN, factories.ISSUER
    return scim.Directory(Client(enforce_csrf_checks=True))
