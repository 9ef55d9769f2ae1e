"""The way in and out, and a device enrolled, at the demo's provider and at one that is not ours."""

import pytest
from playwright.sync_api import expect

from enrollment.models import Device, IdentityProof
from tests.e2e import estate
from tests.e2e.people import at_provider, enrol, greeting, sign_in
from tests.e2e.reading import PRIVATE, public_of
from tests.e2e.site import Site
from tests.node_provider import running_node_provider


@pytest.fixture(params=["embedded", "independent"], scope="module")
def provider(request):
    return request.param


@pytest.fixture(scope="module")
def site(provider, site, tmp_path_factory):
    """The site of all tests, or another. It takes no parameter itself: pytest would start that of all tests anew for each."""
    if provider == "embedded":
        yield site
    else:
        with Site(tmp_path_factory.mktemp("independent"), running_node_provider) as other:
            yield other


@pytest.fixture
def page(world, visitor):
    page = visitor()
    sign_in(page, "erin")
    return page


def press_sign_in(page):
    page.get_by_role("button", name="Sign in with").click()


def proofs():
    return IdentityProof.objects.filter(user__subject="demo-erin").count()


def test_a_person_signs_in_and_enrols_a_device(page):
    estate.plant()
    config = enrol(page, "Provider laptop")
    device = Device.objects.get(name="Provider laptop")
    assert device.owner.subject == "demo-erin"
    assert device.public_key == public_of(PRIVATE.search(config)[1])


def test_signing_in_afresh_asks_the_person_again_and_goes_on_as_them(page):
    before = proofs()
    page.goto("/accounts/oidc/login/?fresh=1&next=/devices/")
    press_sign_in(page)
    at_provider(page, "erin").click()
    page.wait_for_url("**/devices/")
    assert proofs() == before + 1


def test_whoever_is_known_at_the_provider_is_not_asked_again(page):
    page.context.clear_cookies(name="lychgate-session")
    page.goto("/")
    press_sign_in(page)
    greeting(page, "erin").wait_for()


def test_signing_out_ends_it_here_and_at_the_provider(page, site):
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(lambda url: url.endswith("/signed-out/") or url.startswith(f"{site.provider.issuer}/session/end"))
    if page.url.startswith(site.provider.issuer):
        page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/accounts/signed-out/")
    page.goto("/")
    press_sign_in(page)
    expect(page.get_by_role("heading", name="Who are you?")).to_be_visible()
    assert page.url.startswith(site.provider.issuer)
