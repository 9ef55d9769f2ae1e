"""The auditor's page: who could reach what at a moment, as authorised and as enforced."""

import pytest

from enrollment import audit, lifecycle
from enrollment.models import AuditEvent
from tests.factories import HOUR, a_grant, later

HALF_PAST = "2026-03-02T09:30:00Z"


@pytest.fixture
def look(browse, carol, url, words):
    def told(**asked):
        return words(browse(carol).get(url("auditevent_reach"), asked)).replace(" ,", ",").replace(" ;", ";")

    return told


@pytest.fixture
def grant(alice, bob, fileshare, laptop, pep):
    """One that a PEP held since a minute after nine, and that was revoked at twenty past but gone at forty past only."""
    grant = a_grant(alice, fileshare, [laptop], reviewer=bob, seconds=HOUR)
    held = {"generation": 1, "digest": "", "in_force": [[grant.pk, laptop.pk, ""]], "gone": []}
    audit.append("pep.enforced", actor=None, subject=pep, data=held, now=later(60))
    lifecycle.revoke(grant, actor=bob, reason="", now=later(1200))
    audit.append("pep.enforced", actor=None, subject=pep, data={**held, "in_force": [], "gone": [[grant.pk, laptop.pk]]}, now=later(2400))
    return grant


def test_it_says_what_was_authorised_and_what_was_enforced(look, grant):
    page = look(resource="fileshare", at="2026-03-02T10:10:00+01:00")
    assert "Alice, laptop" in page
    assert "Authorised until 2026-03-02 10:00:00 UTC" in page
    assert "In force on pep-1 since 2026-03-02 09:01:00 UTC; gone on 2026-03-02 09:40:00 UTC" in page


def test_what_was_held_though_it_was_not_allowed_any_more_stands_out(look, grant):
    page = look(resource="fileshare", at=HALF_PAST)
    assert "Not authorised" in page
    assert "In force on pep-1" in page


def test_before_the_receipt_it_was_in_force_nowhere(look, grant):
    assert "In force nowhere" in look(resource="fileshare", at="2026-03-02T09:00:30Z")


def test_it_answers_for_one_person(look, grant):
    assert "fileshare" in look(user="alice@example.com", at="2026-03-02T09:10:00Z")
    assert "They could reach nothing." in look(user="Carol", at=HALF_PAST)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"resource": "fileshare", "at": "yesterday"}, "is no instant"),
        ({"resource": "fileshare", "at": "2026-03-02T09:30:00"}, "Say the zone too"),
        ({"resource": "fileshare", "at": "9999-12-31T23:59:59-12:00"}, "is beyond the calendar"),
        ({"resource": "nothing"}, "Select a valid choice"),
        ({"resource": "\0"}, "Null characters are not allowed"),
        ({"user": "nobody"}, "There is nobody called that."),
        ({"user": "9" * 100}, "There is nobody called that."),
        ({"user": "a\0b"}, "Null characters are not allowed"),
        ({"at": HALF_PAST}, "Choose a resource, or somebody."),
    ],
)
def test_what_cannot_be_answered_is_refused_at_its_field_and_kept(look, fileshare, asked, sentence):
    assert sentence in look(**asked)


def test_looking_writes_nothing(look, grant):
    before = AuditEvent.objects.count()
    look(resource="fileshare", at=HALF_PAST)
    assert AuditEvent.objects.count() == before


def test_an_approver_does_not_see_it(browse, bob, fileshare, url):
    assert browse(bob).get(url("auditevent_reach")).status_code == 403
