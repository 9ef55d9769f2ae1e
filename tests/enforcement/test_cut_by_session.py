"""Access that hangs on the sign-in: an open TCP stream through a real PEP is cut by signing out, by the provider, and by its age."""

import itertools
import re
import time
from datetime import timedelta

import jwt
import pytest
import requests
from django.contrib.sessions.backends.db import SessionStore
from django.utils import timezone

from enforcement.models import Enforcement
from enrollment import clock, lifecycle
from enrollment.models import BrowserSession
from portal.oidc.backchannel import EVENT
from portal.oidc.sealed import seal
from portal.oidc.tasks import probe_due_sessions
from tests import factories
from tests.e2e.site import free_port
from tests.enforcement.pep.agents import agent_argv
from tests.enforcement.sites import running_site, wait_for, wait_until
from tests.enforcement.test_cut_by_scim import ENOUGH, PACKETS, SESSIONS, STREAM, lab, page, shake_hands, start_web  # noqa: F401 - lab is a fixture
from tests.lab import LAN
from tests.portal.hostile import KEY, hostile_provider

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.lab]

AGE = 8  # seconds that a proof of identity is good for, in the test of age
SID = "session-1"


@pytest.fixture
def provider():
    with hostile_provider() as running:
        yield running


@pytest.fixture
def site(lab, provider, pyz, tmp_path, transactional_db):  # noqa: F811 - pytest's way
    """Broker, worker and web server as processes, and a provider whose keys they ask for; no beat: it is the nudge that counts."""
    argv = lab.argv("pep", agent_argv(pyz, lab.write_config(tmp_path / "agent.json")))
    port = free_port()
    settings = {
        "LYCHGATE_DEMO": "yes",
        "LYCHGATE_OIDC_ISSUER": provider.issuer,
        "LYCHGATE_OIDC_CLIENT_ID": "lychgate",
        "LYCHGATE_OIDC_CLIENT_SECRET": "of this test",
        "LYCHGATE_OIDC_PROBE_SECONDS": "60",
        "LYCHGATE_PUBLIC_URL": f"http://localhost:{port}",
    }
    with running_site(lab, {"pep-1": argv}, **settings) as site:
        site.url = f"http://localhost:{port}"
        site.start_broker()
        site.start_worker()
        start_web(site, port)
        yield site


@pytest.fixture
def have(lab, site, provider):  # noqa: F811
    """Return what gives alice's laptop the fileshare under terms that ask for a sign-in of this age, and ends with signing out or not."""

    def give(**terms):
        now = timezone.now()
        alice, bob = factories.a_person("alice", now=now), factories.a_person("bob", now=now)
        pep = factories.a_pep(public_key=lab.keys.public, now=now)
        fileshare = factories.a_resource("fileshare", policy=factories.a_policy("by sign-in", now=now, **terms), now=now)
        placed = factories.a_placement(fileshare, pep, number=2, now=now)
        type(placed).objects.filter(pk=placed.pk).update(target_v4=LAN[0], target_v6=LAN[1])
        type(alice).objects.filter(pk=alice.pk).update(issuer=provider.issuer)
        laptop = factories.a_device(alice, key=lab.devices["laptop"].keys.public, now=now)
        grant = factories.a_grant(alice, fileshare, [laptop], reviewer=bob, now=timezone.now())
        alice.refresh_from_db()
        return alice, grant

    return give


def sign_in(person, at):
    """Sign somebody in with a session of Django's own, as the callback does; return the browser's cookie."""
    lifecycle.sign_out_by_provider(  # whatever the factories signed in with
        issuer=person.issuer, jti="before", subject=person.subject, sid="", issued_at=at - timedelta(seconds=1), expires_at=at, now=at
    )
    browser = lifecycle.sign_in(person, groups=None, name=person.name, email="", auth_time=at, sid=SID, now=at)
    session = SessionStore()
    session.update(
        {
            "_auth_user_id": str(person.pk),
            "_auth_user_backend": "allauth.account.auth_backends.AuthenticationBackend",
            "_auth_user_hash": person.get_session_auth_hash(),
            "browser": browser.pk,
        }
    )
    session.create()
    assert lifecycle.keep_key(browser, session.session_key)
    return {"lychgate-session": session.session_key}


def by_signing_out(site, _provider, cookie):
    form = requests.get(f"{site.url}/accounts/logout/", cookies=cookie, timeout=10)
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form.text)[1]
    answer = requests.post(
        f"{site.url}/accounts/logout/",
        {"csrfmiddlewaretoken": token},
        cookies={**cookie, **form.cookies.get_dict()},
        allow_redirects=False,
        timeout=10,
    )
    assert answer.status_code == 302


def by_the_provider(site, provider, _cookie):
    now = int(time.time())
    claims = {"iss": provider.issuer, "aud": "lychgate", "iat": now, "exp": now + 120, "jti": "a-token", "sid": SID, "events": {EVENT: {}}}
    token = jwt.encode(claims, KEY, algorithm="RS256", headers={"kid": "right", "typ": "logout+jwt"})
    assert requests.post(f"{site.url}/accounts/oidc/logout/", {"logout_token": token}, timeout=10).status_code == 200


def by_a_probe(site, provider, cookie):
    """Have the worker ask, who is told that the refresh token is good no more."""
    provider.refusal, provider.statuses["/token"] = "invalid_grant", 400
    sealed = seal("a token")
    assert BrowserSession.objects.filter(key=cookie["lychgate-session"]).update(sealed_token=sealed, probe_at=clock.now()) == 1
    probe_due_sessions.apply_async()
    wait_until(lambda: provider.refreshed == ["a token"])
    wait_until(lambda: page(site, cookie) == 302, SESSIONS)


WAYS = {"signing out": by_signing_out, "back-channel logout": by_the_provider, "a probe": by_a_probe}


@pytest.mark.parametrize(("way", "ends"), [*itertools.product(("signing out", "back-channel logout"), (True, False)), ("a probe", True)])
def test_an_open_stream_ends_with_the_session_where_the_terms_say_so(lab, site, provider, have, figure, way, ends):  # noqa: F811
    alice, grant = have(session_length=600, ends_at_logout=ends)
    cookie = sign_in(alice, timezone.now())
    wait_for("in_force", grant, 30)
    shake_hands(lab)
    stream = lab.stream("laptop", STREAM, seconds=60)
    stream.wait_until_all_flow(1, seconds=20)
    assert page(site, cookie) == 200
    began = time.monotonic()
    WAYS[way](site, provider, cookie)
    assert page(site, cookie) == 302
    took = figure(f"{way}: the session is gone after", time.monotonic() - began, SESSIONS)
    assert took < SESSIONS + 2
    if ends:
        while time.monotonic() - (last := stream.last("stream")) < ENOUGH:
            assert last - began < PACKETS
            time.sleep(0.05)
        figure(f"{way}: the last byte came after", max(0.0, last - began), PACKETS)
        wait_for("gone", grant, PACKETS)
    else:
        time.sleep(2 * ENOUGH)
        assert time.monotonic() - stream.last("stream") < ENOUGH
    lab.stop_streams()


def test_an_open_stream_ends_with_the_age_of_the_sign_in_and_a_fresh_one_gives_it_back(lab, site, have, figure):  # noqa: F811
    alice, grant = have(session_length=AGE)
    signed_in, at = time.monotonic(), timezone.now()
    sign_in(alice, at)
    wait_for("in_force", grant, 30)
    shake_hands(lab)
    stream = lab.stream("laptop", STREAM, seconds=60)
    stream.wait_until_all_flow(1, seconds=20)
    site.stop("worker", "web", "broker")  # nobody of ours is left to end it
    while time.monotonic() - (last := stream.last("stream")) < ENOUGH:
        assert last - signed_in < AGE + 1
        time.sleep(0.05)
    figure("the last byte came after the end of the sign-in's age", max(0.0, last - signed_in - AGE), 1)
    assert last - signed_in > AGE - 3
    lab.stop_streams()
    site.start_broker()
    site.start_worker()
    lifecycle.sign_in(alice, groups=None, name=alice.name, email="", auth_time=timezone.now(), sid="session-2", now=timezone.now())
    wait_until(lambda: Enforcement.objects.filter(grant=grant, state="in_force", until__gt=timezone.now()).exists())
    again = lab.stream("laptop", STREAM, seconds=60)
    again.wait_until_all_flow(1, seconds=20)
    lab.stop_streams()
