"""The chat is told by a signed message that waits for a chat that is away; it holds names, and nothing that anybody typed."""

import base64
import hashlib
import hmac
import json
import threading
import time
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
from django.utils import timezone

from enrollment import lifecycle, notices, tasks
from enrollment.models import Notice
from enrollment.notices import chat
from tests.factories import a_request

KEY = bytes(range(32))
MINUTE = timedelta(minutes=1)


class Chat(BaseHTTPRequestHandler):
    """Keeps what it is sent, and answers what the test wants it to."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heard.append(SimpleNamespace(path=self.path, headers=self.headers, body=body, told=json.loads(body)))
        self.server.answer(self)

    def do_GET(self):
        self.do_POST()

    def log_message(self, *_words):
        pass


def status(number, **headers):
    def answer(call):
        call.send_response(number)
        for name, value in headers.items():
            call.send_header(name, value)
        call.end_headers()

    return answer


def drip(call):
    """Send a head that never ends, a byte at a time, so that no wait for one byte is long."""
    try:
        for letter in b"HTTP/1.1 200 OK\r\nX: " + b"y" * 300:
            call.wfile.write(bytes([letter]))
            time.sleep(0.02)
    except OSError:
        call.server.cut.set()


@pytest.fixture
def server(settings):
    served = ThreadingHTTPServer(("127.0.0.1", 0), Chat)
    served.heard, served.answer, served.cut = [], status(204), threading.Event()
    threading.Thread(target=served.serve_forever, args=[0.01], daemon=True).start()
    settings.WEBHOOK_URL = f"http://127.0.0.1:{served.server_port}/hooks/1?to=ops"
    settings.WEBHOOK_KEY = KEY
    yield served
    served.shutdown()
    served.server_close()


@pytest.fixture
def asked(server, fileshare, alice, laptop):
    """Alice asks; the chat was told of nothing else."""
    return a_request(alice, fileshare, [laptop], reason="my mother's hospital bed")


@pytest.fixture
def soon():
    return timezone.now() + timedelta(seconds=1)


def words(server):
    return [call.told["data"]["words"] for call in server.heard]


def test_the_chat_is_told_what_happened_and_where_to_look(server, asked, bob, now):
    lifecycle.deny(asked, reviewer=bob, comment="not this week, mother", now=now)
    tasks.post_due_notices()
    assert [call.told["type"] for call in server.heard] == ["request.waits", "request.denied"]
    assert words(server)[1] == "The request of Alice for Fileshare was denied."
    assert server.heard[1].told["data"]["link"] == f"http://localhost:8000/requests/{asked.pk}/"
    assert server.heard[1].path == "/hooks/1?to=ops"
    assert server.heard[1].told["text"].startswith(words(server)[1])


def test_nothing_that_was_typed_and_no_address_is_in_it(server, asked, bob, laptop, now):
    grant = lifecycle.approve(asked, reviewer=bob, now=now, comment="for the mother")
    lifecycle.revoke(grant, actor=bob, reason="mother is home", now=now)
    tasks.post_due_notices()
    sent = b"".join(call.body for call in server.heard).decode()
    assert len(server.heard) == 3
    assert not [each for each in ("mother", "@", "subject", laptop.public_key, *laptop.addresses) if each in sent]


def test_a_name_that_is_markup_is_a_name_in_the_line_for_chats(server, fileshare, alice, laptop):
    alice.name = "<!channel> <https://evil.example|Approve> [here](https://evil.example) @all"
    alice.save(update_fields=["name"])
    a_request(alice, fileshare, [laptop])
    tasks.post_due_notices()
    told = server.heard[0].told
    assert told["data"]["words"].startswith(f"{alice.name} asks for Fileshare")
    assert not set("<>[]@") & set(told["text"])
    assert told["text"].endswith(told["data"]["link"])


def test_whoever_has_the_secret_can_tell_who_sent_it_and_when(server, asked, soon):
    notices.post_due(soon)
    [call] = server.heard
    name, at = call.headers["webhook-id"], call.headers["webhook-timestamp"]
    seal = hmac.new(KEY, f"{name}.{at}.".encode() + call.body, hashlib.sha256).digest()
    assert call.headers["webhook-signature"] == f"v1,{base64.b64encode(seal).decode()}"
    assert abs(int(at) - soon.timestamp()) < 1


def test_a_signature_is_the_one_of_the_specification():
    """The example that the Standard Webhooks specification gives to try one's own code with."""
    from datetime import UTC, datetime  # noqa: PLC0415 - here alone

    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = chat.signed("msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', key, datetime.fromtimestamp(1614265330, tz=UTC))
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_chat_that_is_away_over_a_weekend_loses_nothing(server, asked, soon):
    server.answer = status(503)
    for hours in range(60):
        notices.post_due(soon + timedelta(hours=hours))
    server.answer = status(204)
    assert notices.post_due(soon + timedelta(hours=60)) == 1


@pytest.mark.parametrize("number", [301, 302, 307, 308])
def test_no_redirect_is_followed(server, asked, soon, number):
    server.answer = status(number, Location=f"http://127.0.0.1:{server.server_port}/elsewhere")
    assert notices.post_due(soon) == 0
    assert [call.path for call in server.heard] == ["/hooks/1?to=ops"]
    assert Notice.objects.get(is_for_chat=True).sent_at is None


def test_what_a_chat_that_fails_was_to_hear_waits_in_order_under_one_name(server, asked, bob, now, soon, caplog):
    lifecycle.deny(asked, reviewer=bob, comment="no", now=now)
    server.answer = status(500)
    assert notices.post_due(soon) == 0
    assert len(server.heard) == 1  # the others are not tried at one that fails
    server.answer = status(204)
    assert [notices.post_due(soon + wait) for wait in (0 * MINUTE, MINUTE, 2 * MINUTE)] == [0, 2, 0]
    first, again, second = [call.headers["webhook-id"] for call in server.heard]
    assert (first == again, first != second) == (True, True)
    assert "it answered 500" in caplog.text
    assert "hooks/1" not in caplog.text


def test_a_chat_that_drips_is_cut_off_in_time(server, asked, soon, monkeypatch):
    monkeypatch.setattr(chat, "SECONDS", 0.3)
    server.answer = drip
    began = time.monotonic()
    assert notices.post_due(soon) == 0
    assert time.monotonic() - began < 3
    assert server.cut.wait(5)


def test_a_chat_that_is_away_holds_back_no_mail(server, asked, soon, mailoutbox, settings):
    settings.WEBHOOK_URL = "http://127.0.0.1:9/"
    waiting = Notice.objects.filter(is_for_chat=False).count()
    assert [notices.send_due(soon), notices.post_due(soon)] == [waiting, 0]
    assert "Alice asks for Fileshare" in [mail.subject for mail in mailoutbox]


def test_without_a_chat_nothing_waits_for_one(request_of_alice, soon):
    assert not Notice.objects.filter(is_for_chat=True).exists()
    assert notices.post_due(soon) == 0
