"""The right moments: those who may answer are reminded and told when they need not any more, and owners hear of an end before it comes."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from enrollment import lifecycle, notices
from enrollment.models import AuditEvent, Notice, ToldOnce
from tests.factories import HOUR, a_device, a_grant, a_person, a_policy, a_request, a_resource, an_emergency, later
from tests.races import at_once

DAY = 24 * HOUR
REMINDED = "Alice still waits for Fileshare"


@pytest.fixture
def laptop(alice):
    device = a_device(alice)
    Notice.objects.all().delete()
    return device


@pytest.fixture
def gina(db):
    return a_person("gina", groups=["oidc:lychgate-approvers"])


def told(start=""):
    """Who was told what since the last time, by first name."""
    found = [(notice.to.partition("@")[0], notice.subject) for notice in Notice.objects.filter(subject__startswith=start)]
    Notice.objects.all().delete()
    return sorted(found)


def at(seconds):
    notices.remind_due(later(seconds))
    return told()


class TestAskedAgain:
    """Those who may answer are told a second time: by half of their time, and when whoever asked presses."""

    def test_approvers_are_reminded_once_when_half_their_time_is_over(self, request_of_alice):
        told()
        assert [at(seconds) for seconds in (DAY // 2 - 1, DAY // 2, DAY // 2 + 60, DAY - 1)] == [[], [("bob", REMINDED)], [], []]

    def test_nobody_is_reminded_of_what_is_answered_or_over(self, request_of_alice, bob, now):
        assert (told()[0][0], at(DAY)) == ("bob", [])
        lifecycle.deny(request_of_alice, reviewer=bob, comment="no", now=now)
        told()
        assert at(DAY // 2) == []

    def test_who_asked_can_have_them_reminded_once_an_hour(self, request_of_alice, alice):
        told()
        lifecycle.remind_approvers(request_of_alice, actor=alice, now=later(60))
        with pytest.raises(lifecycle.Conflict, match="again on 2026-03-02 at 10:01:00 UTC"):
            lifecycle.remind_approvers(request_of_alice, actor=alice, now=later(60 + HOUR - 1))
        lifecycle.remind_approvers(request_of_alice, actor=alice, now=later(60 + HOUR))
        assert told() == [("bob", REMINDED)] * 2
        assert AuditEvent.objects.filter(verb="request.reminded", data__people=1).count() == 2

    def test_time_reminds_nobody_who_was_reminded_a_moment_ago(self, request_of_alice, alice):
        lifecycle.remind_approvers(request_of_alice, actor=alice, now=later(DAY // 2 - 60))
        told()
        assert [at(DAY // 2), at(DAY // 2 + 2 * HOUR)] == [[], []]

    def test_nobody_else_can_have_them_reminded(self, request_of_alice, bob, erin, now):
        told()
        for person in (bob, erin):
            with pytest.raises(lifecycle.Refused, match="Only whoever asked"):
                lifecycle.remind_approvers(request_of_alice, actor=person, now=now)
        assert told() == []

    def test_it_is_not_said_to_be_done_where_nobody_could_answer(self, request_of_alice, alice, bob, dave, now):
        lifecycle.disable_user(bob, actor=dave, now=now)
        with pytest.raises(lifecycle.Refused, match="nobody was reminded"):
            lifecycle.remind_approvers(request_of_alice, actor=alice, now=now)
        request_of_alice.refresh_from_db()
        assert request_of_alice.reminded_at is None

    def test_the_page_offers_it_and_then_says_when_again(self, as_alice, as_erin, alice, laptop, fileshare, bob):
        asked = a_request(alice, fileshare, [laptop], now=timezone.now())  # as pages do
        page, button = reverse("request", args=[asked.pk]), reverse("request-remind", args=[asked.pk])
        as_alice.force_login(alice)
        assert button in as_alice.get(page).text
        assert "is reminded by mail" in as_alice.post(button, follow=True).text
        assert button not in (after := as_alice.get(page).text)
        assert "You can remind them again from" in after
        assert (as_alice.post(button).status_code, [who for who, _what in told("Alice still")]) == (409, ["bob"])


class TestSettled:
    """Who was asked hears that somebody else has answered, and nobody is asked what is answered."""

    @pytest.fixture
    def asked(self, gina, request_of_alice):
        """Both were mailed."""
        notices.send_due(later(days=400))
        return request_of_alice

    @pytest.mark.parametrize("what", ["approved", "denied"])
    def test_the_others_hear_who_answered(self, asked, bob, now, what):
        verb = {"approved": lifecycle.approve, "denied": lifecycle.deny}[what]
        verb(asked, reviewer=bob, comment="as agreed", now=now)
        [notice] = Notice.objects.filter(subject="Nothing left to answer: Alice, Fileshare")
        assert (notice.to, notice.said) == ("gina@example.com", "")
        assert notice.text == f"The request of Alice for Fileshare was {what} by Bob. You need not do anything."

    def test_all_hear_that_it_was_taken_back(self, asked, alice, now):
        lifecycle.cancel_request(asked, actor=alice, now=now)
        assert [who for who, _ in told("Nothing left")] == ["bob", "gina"]

    def test_a_question_that_was_not_mailed_yet_is_not_mailed_any_more(self, gina, request_of_alice, bob, now):
        lifecycle.deny(request_of_alice, reviewer=bob, comment="no", now=now)
        assert told() == [("alice", "Your request for Fileshare was denied")]

    def test_whoever_has_answered_in_an_earlier_stage_is_not_told_it_is_over(self, pep, alice, laptop, bob, gina):
        heads = a_person("henry", groups=["oidc:heads"])
        policy = a_policy("two stages", stages=(("oidc:lychgate-approvers", 1), ("oidc:heads", 1)))
        asked = a_request(alice, a_resource("wiki", policy=policy, pep=pep, number=20), [laptop])
        notices.send_due(later(days=400))
        lifecycle.approve(asked, reviewer=bob, now=later(1))
        notices.send_due(later(days=400))
        lifecycle.approve(asked, reviewer=heads, now=later(2))
        assert [who for who, _ in told("Nothing left")] == ["gina"]


class TestEnds:
    """Access that ends is told a while before, and when it has ended; not where it goes on."""

    SOON, OVER = [("alice", "Your access to Fileshare ends soon")], [("alice", "Your access to Fileshare has ended")]

    @pytest.mark.parametrize(
        ("lasts", "before"),
        [
            (timedelta(minutes=19), timedelta(0)),
            (timedelta(minutes=20), timedelta(minutes=10)),
            (timedelta(hours=1), timedelta(minutes=10)),
            (timedelta(hours=8), timedelta(minutes=72)),
            (timedelta(days=6), timedelta(hours=21, minutes=36)),
            (timedelta(days=30), timedelta(days=1)),
        ],
    )
    def test_the_warning_fits_how_long_it_lasts(self, lasts, before):
        assert notices.reminding.warning(lasts) == before

    def test_the_owner_is_warned_once(self, grant_of_alice):
        told()
        assert [at(seconds) for seconds in (HOUR - 601, HOUR - 600, HOUR - 540, HOUR)] == [[], self.SOON, [], []]

    @pytest.mark.django_db(transaction=True)
    def test_two_workers_warn_once(self, grant_of_alice):
        told()
        at_once(*[lambda: notices.remind_due(later(HOUR - 600))] * 4)
        assert (told(), ToldOnce.objects.count()) == (self.SOON, 1)

    def test_access_that_goes_on_is_no_end(self, grant_of_alice, alice, fileshare, laptop, bob):
        a_grant(alice, fileshare, [laptop], reviewer=bob, extends=grant_of_alice)
        told()
        assert at(HOUR - 600) == []
        lifecycle.expire_due(later(HOUR))
        assert told() == []
        assert at(2 * HOUR - 600) == self.SOON
        lifecycle.expire_due(later(2 * HOUR))
        assert told() == self.OVER

    def test_an_extension_for_one_device_is_an_end_for_the_other(self, alice, fileshare, laptop, bob):
        phone = a_device(alice, "phone")
        running = a_grant(alice, fileshare, [laptop, phone], reviewer=bob)
        a_grant(alice, fileshare, [laptop], reviewer=bob, extends=running)
        told()
        assert at(HOUR - 600) == self.SOON

    def test_an_extension_that_was_revoked_is_none(self, grant_of_alice, alice, fileshare, laptop, bob, now):
        more = a_grant(alice, fileshare, [laptop], reviewer=bob, extends=grant_of_alice)
        lifecycle.revoke(more, actor=bob, reason="enough", now=now)
        told()
        assert at(HOUR - 600) == self.SOON

    def test_the_owner_hears_that_it_has_ended(self, grant_of_alice):
        told()
        assert [lifecycle.expire_due(later(HOUR)), lifecycle.expire_due(later(HOUR + 1))] == [1, 0]
        assert told() == self.OVER


def test_reviewers_are_reminded_of_emergency_access_after_a_day_and_every_week(pep, alice, laptop, bob, erin):
    policy = a_policy("with emergencies", break_glass_longest=HOUR)
    grant = an_emergency(alice, a_resource("wiki", policy=policy, pep=pep, number=20), [laptop])
    told()
    asked = [("bob", "Nobody has reviewed the emergency access of Alice to Wiki")]
    assert [at(seconds) for seconds in (DAY - 1, DAY, 2 * DAY, 7 * DAY, 8 * DAY, 14 * DAY)] == [[], asked, [], asked, [], asked]
    lifecycle.review_break_glass(grant, reviewer=bob, justified=True, comment="", now=later(15 * DAY))
    told()
    assert at(21 * DAY) == []
