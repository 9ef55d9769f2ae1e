"""Every page there is, in both widths and themes, is clean under axe and the CSP, and nothing on it needs to be scrolled sideways.

The pages are those of docs/pages.md, which come from the URL configuration. With --full alone: it takes minutes, and the
other tests here look at most of them on their way.
"""

import pytest
from django.conf import settings

from enrollment import clock
from tests.e2e.looks import check_looks, collect_csp_reports
from tests.e2e.site import Site
from tests.screenshots.company import Company
from tests.screenshots.moments import MOMENTS
from tests.screenshots.pages import all_pages
from tests.screenshots.studio import Studio

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def company(tmp_path_factory, django_db_blocker, browser):
    """A company with something on every page, and a studio where its people are signed in."""
    with Site(tmp_path_factory.mktemp("company")) as site, pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "OIDC_ISSUER", site.provider.issuer)
        studio = Studio(browser, site.url, site.home)
        reports = [collect_csp_reports(context) for context in studio.contexts.values()]
        with django_db_blocker.unblock(), site.in_this_process():
            yield Company(clock.now()), studio, reports


@pytest.mark.parametrize("page", all_pages(), ids=lambda page: page.name)
def test_it_looks_right_to_whoever_sees_it(company, page):
    company, studio, reports = company
    shown = studio.page(page.photographer)
    assert shown.goto(page.path(company.numbers, company.others)).status == 200
    check_looks(shown, page.name)
    shown.close()
    assert not any(reports)


@pytest.mark.parametrize("name", MOMENTS)
def test_what_pages_become_while_one_works_looks_right(company, name):
    company, studio, reports = company
    shown = MOMENTS[name](studio, company)
    check_looks(shown, name)
    shown.close()
    assert not any(reports)
