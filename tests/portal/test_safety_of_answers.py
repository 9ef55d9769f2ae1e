"""What every answer carries: cookies and headers."""


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(demo_portal, browser):
    browser.sign_in("alice")
    cookie = browser.portal.cookies["lychgate-session"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
    assert 28790 <= cookie["max-age"] <= 28800


def test_every_answer_forbids_inline_code_and_frames(demo_portal, browser, provider):
    page = browser.get("http://localhost:8000/accounts/oidc/login/")
    policy = page.headers["Content-Security-Policy"]
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives["default-src"] == "'self'"
    assert (directives["frame-ancestors"], directives["base-uri"], directives["object-src"]) == ("'none'", "'none'", "'none'")
    assert "unsafe" not in policy
    assert page.headers["X-Frame-Options"] == "DENY"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Referrer-Policy"] == "same-origin"


def test_a_form_without_its_token_is_refused(demo_portal, browser):
    browser.sign_in("alice")
    answer = browser.portal.post("/accounts/logout/")
    assert answer.status_code == 403
    assert "_auth_user_id" in browser.portal.session


def test_no_token_of_the_provider_rests_in_the_database_but_the_hint_to_sign_out(demo_portal, browser):
    browser.sign_in("alice")
    kept = dict(browser.portal.session)
    assert {name for name in kept if "token" in name} == {"oidc_id_token"}
