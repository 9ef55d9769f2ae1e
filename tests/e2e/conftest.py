"""The browser harness: one site and one Chromium for all tests here, and a fresh context for each person in each test.

`person("alice")` is a page, signed in; whatever page it is, breaches of the CSP must be none at the end of a test;
`sign_in(page, "alice")` signs in by the provider; `check_looks(page, "home")` looks at it.
`world` lets a test use the site's database, which is kept for the whole run: tests name their own things.
"""

from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.e2e.chromium import Chromium
from tests.e2e.looks import ARTIFACTS
from tests.e2e.people import sign_in
from tests.e2e.site import Site

DESK = {"width": 1280, "height": 900}
FAILED = pytest.StashKey()


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    with Site(tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.fixture
def world(site, django_db_blocker, settings):
    """Let the test use the site's own database, and keep what it does there, as the site does."""
    settings.DEVICE_LIMIT = int(site.env["LYCHGATE_DEVICE_LIMIT"])
    with django_db_blocker.unblock(), site.in_this_process():
        yield site


@pytest.fixture(scope="session")
def breaches():
    """What broke the CSP lately, in any context of the browser."""
    return []


@pytest.fixture(autouse=True)
def _nothing_breaks_the_csp(breaches):
    yield
    found = [*breaches]
    breaches.clear()
    assert found == []


@pytest.fixture(scope="session")
def browser(breaches):
    # Playwright keeps a loop in this thread, and nothing of ours runs in it: neither here nor in the tests that follow in this process.
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as driver:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "yes")
        chromium = Chromium(driver, breaches)
        yield chromium
        chromium.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    item.stash.setdefault(FAILED, []).append(report.failed)
    return report


@pytest.fixture
def visitor(site, browser, request):
    """Open a page for somebody who is not signed in: `visitor()`; keywords go to Playwright's new_context."""
    opened = []

    def open_page(**options) -> Page:
        context = browser.new_context(**{"base_url": site.url, "viewport": DESK, **options})
        context.set_default_timeout(15_000)
        opened.append(context)
        return context.new_page()

    yield open_page
    for number, context in enumerate(opened):
        if any(request.node.stash.get(FAILED, [])) and context.pages:
            context.pages[0].screenshot(path=ARTIFACTS / f"failed-{request.node.name}-{number}.png", full_page=True)
        browser.close(context)


@pytest.fixture(scope="session")
def sessions(site):
    """Cookies of people who have signed in once at this site, so that only the first time takes the way by the provider."""
    return {}


@pytest.fixture
def person(visitor, sessions):
    """Open a page for somebody who is signed in, at home: `person("alice")`."""

    def open_page(name: str, **options) -> Page:
        if name not in sessions:
            first = visitor()
            sign_in(first, name)
            sessions[name] = first.context.storage_state()
        page = visitor(storage_state=sessions[name], **options)
        page.goto("/")
        return page

    return open_page
