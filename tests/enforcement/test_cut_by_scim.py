"""The directory says over HTTP that somebody is out: the sessions are gone, and an open TCP stream through a real PEP is cut."""

import sys
import time

import pytest
import requests
from django.test import Client
from django.utils import timezone

from portal.demo.netns import Route, why_not
from portal.demo.processes import Part
from tests import factories
from tests.e2e.site import free_port
from tests.enforcement.pep.agents import agent_argv
from tests.enforcement.sites import running_site, wait_for
from tests.lab import LAN, PORT, RESOURCE, UNDERLAY, PepLab
from tests.portal.scim import TOKEN

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.lab]

SESSIONS, PACKETS = 2.0, 10.0  # seconds from the request until they are gone
MEMBERS = "oidc:finance"
STREAM = {"name": "stream", "kind": "tcp", "to": RESOURCE[0], "port": 445}
ENOUGH = 1.0  # of silence, where every 20 ms something would come


@pytest.fixture(scope="module")
def lab():
    if why_not():
        pytest.skip(f"no lab here: {why_not()}")
    with PepLab(suffix="s") as lab:
        lab.load_guards()
        yield lab


@pytest.fixture
def site(lab, pyz, tmp_path, transactional_db):
    """Broker, worker and web server as processes; no beat, and no pass by itself within a minute: it is the nudge which counts."""
    argv = lab.argv("pep", agent_argv(pyz, lab.write_config(tmp_path / "agent.json")))
    port = free_port()
    settings = {
        "LYCHGATE_SWEEP_SECONDS": "60",
        "LYCHGATE_SCIM_TOKEN": TOKEN,
        "LYCHGATE_OIDC_ISSUER": factories.ISSUER,
        "LYCHGATE_OIDC_CLIENT_ID": "lychgate",
        "LYCHGATE_OIDC_CLIENT_SECRET": "of this test",
        "LYCHGATE_PUBLIC_URL": f"http://localhost:{port}",
    }
    with running_site(lab, {"pep-1": argv}, **settings) as site:
        site.url = f"http://localhost:{port}"
        site.start_broker()
        site.start_worker()
        start_web(site, port)
        yield site


def start_web(site, port):
    argv = [sys.executable, "-m", "gunicorn", "portal.wsgi", "--bind", f"127.0.0.1:{port}", "--threads", "4", "--no-control-socket"]
    web = site.parts["web"] = Part("web", argv, site.environment, site.directory / "web.log")
    web.wait_until(lambda: answers(f"{site.url}/readyz"))


def answers(url):
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:  # not up yet, or busy with its first steps
        return False


@pytest.fixture
def granted(lab, site):
    """Alice's laptop in the lab may use the fileshare, which is for members of a group that the directory keeps."""
    now = timezone.now()
    alice = factories.a_person("alice", now=now)
    bob = factories.a_person("bob", now=now)
    pep = factories.a_pep(public_key=lab.keys.public, now=now)
    fileshare = factories.a_resource("fileshare", policy=factories.a_policy("for finance", requesters=[MEMBERS], now=now), now=now)
    placed = factories.a_placement(fileshare, pep, number=2, now=now)
    type(placed).objects.filter(pk=placed.pk).update(target_v4=LAN[0], target_v6=LAN[1])
    laptop = factories.a_device(alice, key=lab.devices["laptop"].keys.public, now=now)
    told = scim(site, "POST", "Users", externalId=alice.subject, userName="alice@corp.example", active=True)
    group = scim(site, "POST", "Groups", displayName="finance", members=[{"value": told["id"]}])
    grant = factories.a_grant(alice, fileshare, [laptop], reviewer=bob, now=timezone.now())
    wait_for("in_force", grant, 30)
    shake_hands(lab)
    return alice, grant, told["id"], group["id"]


def shake_hands(lab):
    """Have the laptop begin anew: it may hold a session from the test before, of which the PEP knows nothing any more."""
    laptop = lab.devices["laptop"]
    lab.run("laptop", ["wg", "set", laptop.interface, "peer", lab.keys.public, "remove"])
    lab.add_peer("laptop", laptop.interface, Route(lab.keys.public, ("0.0.0.0/0", "::/0"), f"{UNDERLAY[0]}1:{PORT}", keepalive=20))


def scim(site, method, path, **body):
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/scim+json"}
    answer = requests.request(method, f"{site.url}/scim/v2/{path}", json=body, headers=headers, timeout=30)
    assert answer.ok, answer.text
    return answer.json() if answer.content else {}


def patch(*operations):
    return {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": list(operations)}


WAYS = {
    "active: false, as Entra ID says it": lambda own, _group: (
        "PATCH",
        f"Users/{own}",
        patch({"op": "Replace", "path": "active", "value": "False"}),
    ),
    "out of the group, as Okta says it": lambda own, group: (
        "PATCH",
        f"Groups/{group}",
        patch({"op": "remove", "path": f'members[value eq "{own}"]'}),
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_an_open_stream_is_cut_within_seconds_of_the_directorys_word(lab, site, granted, figure, way):
    alice, grant, own, group = granted
    browser = Client()
    browser.force_login(alice)
    cookie = {"lychgate-session": browser.cookies["lychgate-session"].value}
    stream = lab.stream("laptop", STREAM, seconds=60)
    stream.wait_until_all_flow(1, seconds=20)
    assert page(site, cookie) == 200
    method, path, body = WAYS[way](own, group)
    began = time.monotonic()
    scim(site, method, path, **body)
    assert (page(site, cookie) == 200) is ("group" in way)  # with the answer the session is gone, and not some time later
    if "group" not in way:
        figure(f"{way}: the session is gone after", time.monotonic() - began, SESSIONS)
    while time.monotonic() - (last := stream.last("stream")) < ENOUGH:
        assert last - began < PACKETS
        time.sleep(0.05)
    assert figure(f"{way}: the last byte came after", max(0.0, last - began), PACKETS) < PACKETS
    wait_for("gone", grant, PACKETS)
    lab.stop_streams()


def page(site, cookie):
    return requests.get(f"{site.url}/", cookies=cookie, allow_redirects=False, timeout=10).status_code
