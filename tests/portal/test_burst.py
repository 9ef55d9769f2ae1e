"""Many people ask at the same moment, over HTTP, of one portal as it is run: nobody gets an error, and each question is one row."""

import os
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import pytest
import requests
from django.test import Client
from django.utils import timezone

from enrollment import audit
from enrollment.models import AccessRequest, AuditEvent
from portal.demo.processes import Part
from tests import brokers, factories
from tests.e2e.site import free_port
from tests.enforcement.sites import database_url

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]  # SQLite lets one writer in at a time
A_MINUTE = 30  # how many forms one person may send: a few more than each has to ask
PATIENCE = 60


@pytest.fixture
def portal(transactional_db, tmp_path):
    """Two processes with a broker, in which they count together. Yields the address."""
    port, broker = free_port(), brokers.Embedded(tmp_path)
    url = f"http://localhost:{port}"
    ours = {"DATABASE_URL": database_url(), "REDIS_URL": broker.url, "LYCHGATE_PUBLIC_URL": url, "LYCHGATE_VAR": str(tmp_path)}
    ours |= {"LYCHGATE_LIMIT_CHANGES": str(A_MINUTE)}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LYCHGATE_")} | ours
    where = ["--bind", f"127.0.0.1:{port}", "--workers", "2", "--threads", "4", "--no-control-socket"]
    queue = Part("broker", broker.argv, environment, tmp_path / "broker.log")
    queue.wait_until(broker.answers)
    web = Part("web", [sys.executable, "-m", "gunicorn", "portal.wsgi", *where], environment, tmp_path / "web.log")
    web.wait_until(lambda: answers(f"{url}/readyz"))
    yield url
    web.stop()
    queue.stop()


def answers(url):
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False


class Person:
    """Somebody signed in, with devices, who asks for every resource with each of them; what came of it, and how long it took."""

    def __init__(self, url, number, devices, now):
        self.url, self.user = url, factories.a_person(f"person {number}", now=now)
        self.devices = [factories.a_device(self.user, f"device {each}", now=now).pk for each in range(devices)]
        browser = Client()
        browser.force_login(self.user)
        self.session = requests.Session()
        self.session.headers["Connection"] = "close"  # as proxies do; one kept open may be closed just as something is sent
        self.session.cookies["lychgate-session"] = browser.cookies["lychgate-session"].value
        self.told, self.took = [], []

    def ask_for(self, slugs):
        for slug, device in product(slugs, self.devices):
            self.ask(slug, device)
        return self

    def ask(self, slug, device):
        address = f"{self.url}/resources/{slug}/request/"
        if "lychgate-csrf" not in self.session.cookies:
            self.timed("GET", address)
        typed = {"devices": device, "duration": "1800", "minutes": "", "reason": "all at once", "ticket": ""}
        token = {"X-CSRFToken": self.session.cookies["lychgate-csrf"]}
        self.told.append(self.timed("POST", address, data=typed, headers=token))
        return self.told[-1]

    def timed(self, method, address, **more):
        began = time.monotonic()
        answer = self.session.request(method, address, allow_redirects=False, timeout=PATIENCE, **more)
        self.took.append(time.monotonic() - began)
        return answer.status_code


def all_ask(url, figure, *, people, devices, resources, at_once):
    now = timezone.now()
    pep, policy = factories.a_pep(now=now), factories.a_policy("of all", now=now)
    factories.a_person("bob", now=now)
    slugs = [f"resource-{number}" for number in range(resources)]
    for number, slug in enumerate(slugs, 10):
        factories.a_resource(slug, pep=pep, policy=policy, number=number, now=now)
    asking = [Person(url, number, devices, now) for number in range(people)]
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(lambda person: person.ask_for(slugs), asking))
    questions = people * devices * resources
    took = sorted(each for person in asking for each in person.took)
    figure(f"{questions} questions of {people} people, {at_once} at a time: 95 of 100 answers within", took[len(took) * 95 // 100], 1)
    assert Counter(status for person in asking for status in person.told) == {302: questions}
    assert AccessRequest.objects.count() == len(set(AccessRequest.objects.values_list("requester", "resource", "devices"))) == questions
    assert AuditEvent.objects.filter(verb="request.made").count() == questions
    assert audit.verify() == []
    return asking


def check_a_flood_is_held_off(flooding, other):
    """Whoever sends without end is told to wait, and nobody else feels it."""
    before = AccessRequest.objects.count()
    told = Counter(flooding.ask("resource-0", flooding.devices[0]) for _again in range(2 * A_MINUTE + 1))  # of a minute and the next
    assert set(told) == {200, 429}  # what is asked already, and too much
    assert told[200] <= 2 * A_MINUTE
    assert (other.ask("resource-0", other.devices[0]), AccessRequest.objects.count()) == (200, before)


def test_twenty_people_ask_at_once_and_each_question_is_one_row(portal, figure):
    asking = all_ask(portal, figure, people=20, devices=5, resources=2, at_once=20)
    check_a_flood_is_held_off(*asking[:2])


@pytest.mark.slow
def test_five_hundred_people_ask_ten_thousand_times(portal, figure):
    asking = all_ask(portal, figure, people=500, devices=5, resources=4, at_once=100)
    check_a_flood_is_held_off(*asking[:2])
