"""Whoever comes second hears who decided and when (409), and who lost a right since the page was opened hears that: on every path."""

import pytest
from django.urls import reverse

from enrollment import lifecycle
from enrollment.models import AccessRequest, Grant, Membership
from tests import factories

TOO_LATE = "what counts is the moment at which you press the button. Nothing was changed."
ANSWER = {"at_most": "", "comment": "no"}


@pytest.fixture
def gina(db):
    return factories.a_person("gina", groups=["employees", factories.APPROVERS])


@pytest.fixture
def post(url, words):
    """Send a form of the admin; return the status and what the page says, when the redirects are over."""

    def send(client, name, *args, **fields):
        response = client.post(url(name, *args), fields, follow=True)
        return response.status_code, words(response)

    return send


@pytest.fixture
def decided(asked, bob, alice, now):
    """Decide what alice asked, one way or another; what somebody who comes second is told of it."""

    def decide(how):
        ways = {
            "approved": lambda: lifecycle.approve(asked, reviewer=bob, now=now),
            "denied": lambda: lifecycle.deny(asked, reviewer=bob, comment="no", now=now),
            "cancelled": lambda: lifecycle.cancel_request(asked, actor=alice, now=now),
        }
        ways[how]()
        person = "Alice" if how == "cancelled" else "Bob"
        return f"The request was {how} by {person} on {now:%Y-%m-%d at %H:%M:%S} UTC."

    return decide


@pytest.mark.parametrize("how", ["approved", "denied", "cancelled"])
@pytest.mark.parametrize("verb", ["approve", "deny"])
def test_a_second_answer_is_a_409_that_says_who_and_when(verb, how, browse, gina, asked, decided, post, everything):
    client, said = browse(gina), decided(how)
    before = everything()
    status, page = post(client, f"accessrequest_{verb}", asked.pk, **ANSWER)
    assert (status, said in page) == (409, True)
    assert everything() == before


@pytest.mark.parametrize("how", ["approved", "denied", "cancelled"])
@pytest.mark.parametrize("verb", ["approve", "deny"])
def test_so_is_one_among_many_in_its_own_words(verb, how, browse, gina, asked, decided, url, told):
    client, said = browse(gina), decided(how)
    response = client.post(url(f"accessrequest_{verb}_many"), {"ids": asked.pk, **ANSWER}, follow=True)
    assert told(response) == [f"Alice: Fileshare: {said}"]


@pytest.mark.parametrize("how", ["approved", "denied"])
def test_taking_back_what_was_answered_is_a_409(how, browse, alice, asked, decided, words):
    said = decided(how)
    response = browse(alice).post(reverse("request-cancel", args=[asked.pk]))
    assert (response.status_code, said in words(response).replace(" .", ".")) == (409, True)


def test_ending_what_was_revoked_is_a_409_and_the_other_way_round(browse, alice, bob, granted, url, words, now):
    lifecycle.revoke(granted, actor=bob, reason="", now=now)
    for client, address in ((browse(alice), reverse("grant-end", args=[granted.pk])), (browse(bob), url("grant_revoke", granted.pk))):
        response = client.post(address, {"reason": "x"})
        assert (
            response.status_code,
            f"The grant was revoked by Bob on {now:%Y-%m-%d at %H:%M:%S} UTC." in words(response).replace(" .", "."),
        ) == (409, True)


# What dave did, who comes second and where, with the word for what was done.
DEVICE = {
    "retire after retire": (("retire",), "retire", "retired by Dave"),
    "suspend after suspend": (("suspend",), "suspend", "suspended by Dave"),
    "suspend after retire": (("retire",), "suspend", "retired by Dave"),
    "resume after resume": (("suspend", "resume"), "resume", "resumed by Dave"),
}


@pytest.mark.parametrize("case", DEVICE)
def test_so_it_is_with_devices(case, browse, dave, laptop, url, words, now):
    done, then, said = DEVICE[case]
    boss = factories.a_person("boss", groups=[factories.ADMINS])
    for verb in done:
        getattr(lifecycle, f"{verb}_device")(laptop, actor=dave, reason="x", now=now)
    response = browse(boss).post(url(f"device_{then}", laptop.pk), {"reason": "x"})
    assert (response.status_code, f"The device was {said} on {now:%Y-%m-%d at %H:%M:%S} UTC." in words(response)) == (409, True)


@pytest.mark.parametrize("page", ["device-retire", "device-lost", "device-suspend", "device-resume"])
def test_and_on_an_owners_own_pages(page, browse, alice, dave, laptop, words, now):
    lifecycle.retire_device(laptop, actor=dave, reason="x", now=now)
    response = browse(alice).post(reverse(page, args=[laptop.pk]))
    assert (response.status_code, f"retired by Dave on {now:%Y-%m-%d at %H:%M:%S} UTC." in words(response).replace(" .", ".")) == (
        409,
        True,
    )


@pytest.mark.parametrize(("first", "said"), [("disable", "disabled"), ("enable", "enabled")])
def test_and_with_accounts(first, said, browse, dave, erin, url, words, now):
    boss = factories.a_person("boss", groups=[factories.ADMINS])
    lifecycle.disable_user(erin, actor=dave, now=now)
    if first == "enable":
        lifecycle.enable_user(erin, actor=dave, now=now)
    response = browse(boss).post(url(f"user_{first}", erin.pk))
    assert (response.status_code, f"The account was {said} by Dave on " in words(response)) == (409, True)


def test_and_with_resources(browse, dave, fileshare, url, words, now):
    boss = factories.a_person("boss", groups=[factories.ADMINS])
    lifecycle.retire_resource(fileshare, actor=dave, now=now)
    response = browse(boss).post(url("resource_retire", fileshare.pk))
    assert (response.status_code, "The resource was retired by Dave on " in words(response)) == (409, True)


def leaves(user, *, for_another):
    user.memberships.all().delete()
    if for_another:
        group = factories.a_group("printer-approvers")
        Membership.objects.create(user=user, group=group, source="test", since=factories.NOW)


@pytest.mark.usefixtures("printers")
@pytest.mark.parametrize("verb", ["approve", "deny"])
@pytest.mark.parametrize("for_another", [False, True])
def test_who_left_the_group_since_the_page_was_opened_is_refused_in_words(for_another, verb, browse, bob, asked, url, post, everything):
    client = browse(bob)
    assert client.get(url(f"accessrequest_{verb}", asked.pk)).status_code == 200
    leaves(bob, for_another=for_another)
    before = everything()
    status, page = post(client, f"accessrequest_{verb}", asked.pk, **ANSWER)
    assert (status, TOO_LATE in page) == (404 if for_another else 403, True)
    assert everything() == before


@pytest.mark.usefixtures("printers")
@pytest.mark.parametrize("verb", ["approve", "deny"])
@pytest.mark.parametrize("for_another", [False, True])
def test_so_are_many_at_once(for_another, verb, browse, bob, asked, act, post, everything):
    client = browse(bob)
    assert "Fileshare" in act(client, "accessrequest", verb, asked).text
    leaves(bob, for_another=for_another)
    before = everything()
    _status, page = post(client, f"accessrequest_{verb}_many", ids=asked.pk, **ANSWER)
    assert ("Left out, because you may not see them: 1." if for_another else TOO_LATE) in page
    assert everything() == before


@pytest.mark.parametrize("verb", ["approve", "deny"])
def test_the_verb_itself_judges_the_right_when_it_is_called(verb, asked, bob, now):
    asked.refresh_from_db()  # what a page would have in hand
    leaves(bob, for_another=False)
    with pytest.raises(lifecycle.Refused, match="Only members of the approving group"):
        getattr(lifecycle, verb)(asked, reviewer=bob, now=now, comment="x")
    assert AccessRequest.objects.get(pk=asked.pk).state == "pending"


@pytest.mark.usefixtures("printers")
def test_who_left_the_group_cannot_revoke_any_more(browse, bob, granted, url, post):
    client = browse(bob)
    assert client.get(url("grant_revoke", granted.pk)).status_code == 200
    leaves(bob, for_another=True)
    status, page = post(client, "grant_revoke", granted.pk, reason="x")
    assert (status, TOO_LATE in page) == (404, True)
    assert Grant.objects.get().state == "active"
