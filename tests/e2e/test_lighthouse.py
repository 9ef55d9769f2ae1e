"""The pages that everybody works with are fast, accessible and well made by Lighthouse's measure, on a phone with a slow network.

It runs with --full only; its packages come with `deploy/bare/prepare.sh test --full`.
"""

import json
import os
import subprocess

import pytest
from django.utils import timezone

from enrollment.models import Resource, User
from portal.demo.people import CHROMIUM, FLAGS
from tests import factories
from tests.e2e import estate
from tests.e2e.looks import ARTIFACTS
from tests.e2e.site import ROOT

pytestmark = pytest.mark.slow
LIGHTHOUSE = ROOT / "tests/e2e/lighthouse/node_modules/lighthouse/cli/index.js"
CATEGORIES = ("performance", "accessibility", "best-practices")
LEAST = 95


@pytest.fixture
def cookie(world, person):
    """What a browser of alice's sends, once she has a device and something to look at."""
    pep, page, now = estate.plant(), person("alice"), timezone.now()
    person("bob")
    alice, bob = (User.objects.get(subject=f"demo-{name}") for name in ("alice", "bob"))
    device = alice.devices.filter(name="Measured").first() or factories.a_device(alice, "Measured", now=now)
    if not alice.grants.live(now).exists():
        estate.put_in_force(factories.a_grant(alice, Resource.objects.get(slug="fileshare"), [device], reviewer=bob, now=now), pep)
    return "; ".join(f"{each['name']}={each['value']}" for each in page.context.cookies(page.url))


def measure(url, cookie, report):
    """Return what Lighthouse gives the page, of 100 each, and what cost points."""
    argv = ["node", LIGHTHOUSE, url, "--quiet", "--output=json", f"--output-path={report}", "--no-enable-error-reporting"]
    argv += [f"--only-categories={','.join(CATEGORIES)}", f"--extra-headers={json.dumps({'Cookie': cookie})}"]
    argv += [f"--chrome-flags={' '.join(['--headless=new', *FLAGS])}"]
    subprocess.run(argv, env={**os.environ, "CHROME_PATH": CHROMIUM}, check=True, timeout=240)
    said = json.loads(report.read_text(encoding="utf-8"))
    found = {name: round(100 * said["categories"][name]["score"]) for name in CATEGORIES}
    weights = {each["id"]: each["weight"] for name in CATEGORIES for each in said["categories"][name]["auditRefs"]}
    costly = [name for name, audit in said["audits"].items() if weights.get(name) and (audit["score"] or 1) < 0.9]
    return said["finalDisplayedUrl"], found, costly


def best(url, cookie, report):
    """Measure up to three times: a machine that is busy with something else is no fault of the page."""
    for _attempt in range(3):
        at, found, costly = measure(url, cookie, report)
        if min(found.values()) >= LEAST:
            break
    return at, found, costly


@pytest.mark.parametrize(
    ("name", "path"), [("home", "/"), ("enrol", "/devices/new/"), ("catalogue", "/resources/"), ("request", "/resources/wiki/request/")]
)
def test_the_page_scores_95_and_more(name, path, cookie, site, figure):
    ARTIFACTS.mkdir(exist_ok=True)
    at, found, costly = best(f"{site.url}{path}", cookie, ARTIFACTS / f"lighthouse-{name}.json")
    assert at == f"{site.url}{path}"  # not the page to sign in
    for category, points in found.items():
        figure(f"{category} of {name}", points, 100, "points")
    assert min(found.values()) >= LEAST, f"{found}, because of {costly}"
