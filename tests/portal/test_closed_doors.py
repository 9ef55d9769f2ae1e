"""No way in but the provider: no password form anywhere, nothing to sign up for, nothing to connect."""

import pytest
from django.urls import get_resolver

from enrollment.models import User

PUBLIC = [
    "/accounts/oidc/login/",
    "/accounts/logout/",
    "/accounts/signed-out/",
    "/accounts/inactive/",
    "/accounts/cancelled/",
    "/accounts/login/",
]


@pytest.mark.parametrize(
    "path",
    [
        "signup/",
        "password/reset/",
        "password/change/",
        "password/set/",
        "email/",
        "confirm-email/",
        "reauthenticate/",
        "login/code/",
        "3rdparty/",
        "3rdparty/signup/",
        "social/connections/",
        "social/signup/",
        "openid_connect/oidc/login/",
        "another/login/",
    ],
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_allauths_other_pages_do_not_exist(demo_portal, client, path, method):
    assert getattr(client, method)(f"/accounts/{path}", headers={"host": "localhost"}).status_code == 404


@pytest.mark.parametrize("path", PUBLIC)
def test_no_page_of_signing_in_asks_for_a_password(demo_portal, browser, path):
    page = browser.get(f"http://localhost:8000{path}")
    assert page.status == 200
    assert 'type="password"' not in page.text
    assert "Traceback" not in page.text


def test_the_admin_sends_strangers_to_the_provider(demo_portal, browser):
    page = browser.get("http://localhost:8000/admin/")
    assert (page.path, page.query) == ("/accounts/oidc/login/", {"next": "/admin/"})


def test_the_admins_own_form_takes_no_password(demo_portal, client):
    answer = client.post("/admin/login/", {"username": "dave", "password": "x"}, headers={"host": "localhost"})
    assert answer.status_code == 405


def test_an_employee_is_not_let_into_the_admin(demo_portal, browser):
    browser.sign_in("alice")
    assert browser.get("http://localhost:8000/admin/").status == 403


def test_staff_arrive_in_the_admin(demo_portal, browser):
    assert browser.sign_in("dave", next="/admin/").path == "/admin/"


@pytest.mark.parametrize("path", ["/admin/password_change/", "/admin/password_change/done/"])
def test_not_even_an_admin_has_a_password_to_change(demo_portal, browser, path):
    browser.sign_in("dave")
    assert browser.get(f"http://localhost:8000{path}").status == 404


def test_an_account_with_a_password_could_not_use_it(demo_portal, client):
    user = User.objects.create_user("https://id.example.com", "mallory")
    user.set_password("a password")
    user.save()
    for path in (*PUBLIC, "/admin/login/", "/admin/"):
        client.post(path, {"username": user.username, "login": user.username, "password": "a password"}, headers={"host": "localhost"})
    assert "_auth_user_id" not in client.session


def test_allauths_tables_are_not_in_the_admin(demo_portal, browser):
    browser.sign_in("dave")
    page = browser.get("http://localhost:8000/admin/")
    assert "socialaccount" not in page.text
    assert browser.get("http://localhost:8000/admin/socialaccount/socialapp/").status == 404


def test_two_still_pages_are_all_that_is_reachable_of_allauth(demo_portal):
    found = {pattern.name for pattern in _patterns(get_resolver()) if pattern.callback.__module__.startswith("allauth")}
    assert found == {"account_inactive", "socialaccount_login_cancelled"}


def _patterns(resolver):
    for entry in resolver.url_patterns:
        yield from _patterns(entry) if hasattr(entry, "url_patterns") else [entry]
