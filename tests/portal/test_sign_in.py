"""Signing in and out at a real provider."""

from enrollment.models import IdentityProof, User


def test_a_person_signs_in_with_one_button_here_and_one_at_the_provider(demo_portal, provider, browser):
    page = browser.sign_in("alice")
    assert (page.path, page.status) == ("/", 200)
    alice = User.objects.get()
    assert (alice.issuer, alice.subject, alice.name, alice.email) == (provider.issuer, "demo-alice", "Alice Adler", "alice@example.com")


def test_signing_in_again_finds_the_same_account(demo_portal, browser):
    browser.sign_in("alice")
    browser.sign_in("alice", fresh="1")
    assert User.objects.count() == 1
