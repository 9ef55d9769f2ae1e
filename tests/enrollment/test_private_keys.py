"""A private key made on the server is in one answer and nowhere else: neither in what this process keeps nor in what it sends.

What is written to disk (database, logs, broker, sessions) is searched with a whole portal: tests/e2e/test_enrolment.py.
"""

import logging
import re
from uuid import uuid4

import pytest
from django.core.cache import caches
from django.utils import timezone

from enrollment import tasks
from tests import factories
from tests.e2e.reading import spellings


@pytest.fixture
def left_behind(client, alice, fileshare, mailoutbox, caplog, django_capture_on_commit_callbacks):
    """Enrol with a server-made key, ask for access with the device, and gather all that this left behind; return it with the key."""
    caplog.set_level(logging.DEBUG)
    client.force_login(alice)
    caches["default"].set("control", "what lies in the cache")
    logging.getLogger("enrollment").debug("what lies in the log")
    with django_capture_on_commit_callbacks(execute=True):
        page = client.post("/devices/new/", {"name": "Phone", "kind": "phone", "way": "server", "public_key": "", "once": str(uuid4())})
        factories.a_request(alice, fileshare, [alice.devices.get()], now=timezone.now())
    tasks.mail_due_notices()
    kept = [value for cache in caches.all(initialized_only=True) for value in cache._cache.values()]  # noqa: SLF001 - no other way in
    sent = [mail.message().as_bytes() for mail in mailoutbox]
    private_key = re.search(r"PrivateKey = (\S{43}=)", page.text)[1]
    said = {"session": repr(dict(client.session)).encode(), "log": caplog.text.encode()}
    return private_key, {"cache": b"".join(kept), "mail": b"".join(sent), **said}


def test_a_private_key_is_in_no_cache_mail_session_or_log(left_behind):
    private_key, places = left_behind
    assert [place for place, held in places.items() if any(spelling in held for spelling in spellings(private_key))] == []


def test_the_search_looks_where_things_are(left_behind):
    _private_key, places = left_behind
    assert b"what lies in the cache" in places["cache"]
    assert b"Alice asks for Fileshare" in places["mail"]
    assert b"forms_used" in places["session"]
    assert b"what lies in the log" in places["log"]
