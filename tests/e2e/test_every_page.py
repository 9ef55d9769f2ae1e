"""Every page there is, on a dark phone and at a light desk, is clean under axe and the CSP, and nothing on it is wider than the screen.

The pages are those of docs/pages.md, which come from the URL configuration. With --full they are looked at in all four ways.
"""

import pytest
from django.conf import settings

from enrollment import clock
from tests.e2e.looks import WAYS, check_as_it_is, turn
from tests.e2e.site import Site
from tests.screenshots.company import Company
from tests.screenshots.moments import MOMENTS
from tests.screenshots.pages import all_pages
from tests.screenshots.studio import Studio

FEW = (("phone", "dark"), ("desk", "light"))


@pytest.fixture
def look(request):
    def look(page, name):
        for way in WAYS if request.config.getoption("--full") else FEW:
            turn(page, *way)
            check_as_it_is(page, f"{name}, {', '.join(way)}")
        page.close()

    return look


@pytest.fixture(scope="module")
def company(tmp_path_factory, django_db_blocker, browser):
    """A company with something on every page, and a studio where its people are signed in."""
    with Site(tmp_path_factory.mktemp("company")) as site, pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "OIDC_ISSUER", site.provider.issuer)
        studio = Studio(browser, site.url, site.home)
        with django_db_blocker.unblock(), site.in_this_process():
            yield Company(clock.now()), studio
        studio.close()


@pytest.mark.parametrize("page", all_pages(), ids=lambda page: page.name)
def test_it_looks_right_to_whoever_sees_it(company, look, page):
    company, studio = company
    shown = studio.page(page.photographer)
    assert shown.goto(page.path(company.numbers, company.others)).status == 200
    look(shown, page.name)


@pytest.mark.parametrize("name", MOMENTS)
def test_what_pages_become_while_one_works_looks_right(company, look, name):
    company, studio = company
    look(MOMENTS[name](studio, company), name)
