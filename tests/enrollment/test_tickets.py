"""Tickets of a shape that the terms want: what fits, where it is said, and when nobody asks for one."""

import re

import pytest
from django.urls import reverse
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from enrollment import lifecycle, tickets
from enrollment.models import AccessRequest, AuditEvent
from tests import factories
from tests.factories import HOUR


@pytest.fixture
def now():
    """Pages ask the clock themselves, so everything here happens now."""
    return timezone.now()


@pytest.fixture
def payroll(pep, bob, now):
    policy = factories.a_policy("guarded", ticket_shapes="PAY-#, INC#", break_glass_longest=HOUR, now=now)
    return factories.a_resource("payroll", pep=pep, policy=policy, number=30, now=now)


def ask(client, resource, device, ticket):
    sent = {"devices": [device.pk], "duration": "3600", "reason": "what I typed", "ticket": ticket}
    return client.post(reverse("request-new", args=[resource.slug]), sent)


@pytest.mark.parametrize(
    ("shapes", "ticket", "does"),
    [
        ("OPS-#", "OPS-1", True),
        ("OPS-#", "ops-42", True),
        ("OPS-#", "OPS-", False),
        ("OPS-#", "XOPS-1", False),
        ("OPS-#", "OPS-1x", False),
        ("OPS-#", "OPS-1\n", False),
        ("OPS-#", "OPS-\u0661", False),
        ("OPS-#", "", False),
        ("OPS-# INC#", "INC7", True),
        ("a.b#", "axb1", False),
        ("#/#", "2026/17", True),
    ],
)
def test_a_ticket_fits_a_shape_whole_or_not_at_all(shapes, ticket, does):
    assert tickets.fits(shapes, ticket) == does


@pytest.mark.parametrize("text", ["OPS", "##", "#1", "OPS-#2", "(a+)+#", "OPS-* #", "#\u202e", "A" * 80 + "#", "\u0661#"])
def test_what_is_no_shape_is_refused_with_a_sentence(text):
    with pytest.raises(tickets.BadShapes, match=r"\.$"):
        tickets.tidied(text)


@settings(max_examples=200, deadline=None, database=None)
@given(st.from_regex(tickets.SHAPE, fullmatch=True), st.integers(0, 10**12))
def test_every_shape_that_is_taken_fits_its_example_and_every_number(shape, number):
    assert tickets.fits(shape, tickets.example(shape))
    assert tickets.fits(shape, shape.replace("#", str(number)))
    assert not tickets.fits(shape, shape)


def test_the_form_says_what_it_must_look_like_and_where_it_does_not(as_alice, payroll, laptop):
    page = as_alice.get(reverse("request-new", args=["payroll"])).text
    assert "Such as PAY-123, INC123." in page
    assert "Ticket (optional)" not in page
    for ticket in ("", "OPS-1"):
        refused = ask(as_alice, payroll, laptop, ticket).text
        assert re.search(r'id="id_ticket_error">([^<]*)<', refused)[1] == "Give a ticket for this, such as PAY-123, INC123."
        assert "what I typed" in refused
    assert not AccessRequest.objects.exists()
    ask(as_alice, payroll, laptop, "inc77")
    assert AccessRequest.objects.get().ticket == "inc77"


def test_where_the_terms_want_none_it_stays_optional(as_alice, fileshare, laptop):
    assert "Ticket (optional)" in as_alice.get(reverse("request-new", args=["fileshare"])).text
    ask(as_alice, fileshare, laptop, "")
    assert AccessRequest.objects.get().ticket == ""


def test_the_verb_refuses_too_and_among_several_it_says_so_beside_the_resource(as_alice, alice, fileshare, payroll, laptop, now):
    with pytest.raises(lifecycle.Refused, match="Give a ticket for this, such as PAY-123"):
        factories.a_request(alice, payroll, [laptop], now=now)
    address = f"{reverse('bundle-new')}?resource={fileshare.pk}&resource={payroll.pk}"
    assert "Give a ticket for this, such as PAY-123" in as_alice.get(address).text
    sent = {"devices": [laptop.pk], "duration": "3600", "reason": "all", "resource": [fileshare.pk, payroll.pk]}
    refused = as_alice.post(address, sent).text
    assert re.search(rf'id="refused-{payroll.pk}"><ul><li>Give a ticket for this', refused)
    assert f'id="refused-{fileshare.pk}"' not in refused
    assert as_alice.post(address, {**sent, "ticket": "PAY-1"}).status_code == 302


def test_new_terms_want_no_ticket_of_what_was_asked_before_and_an_emergency_waits_for_none(alice, bob, erin, payroll, laptop, now):
    asked = factories.a_request(alice, payroll, [laptop], ticket="PAY-1", now=now)
    factories.a_policy("guarded", ticket_shapes="NEW-#", break_glass_longest=HOUR, now=now)
    assert lifecycle.approve(asked, reviewer=bob, now=now).state == "active"
    assert factories.an_emergency(erin, payroll, [factories.a_device(erin, now=now)], now=now).request.ticket == ""


def test_the_shape_is_part_of_the_terms_and_told(payroll):
    assert payroll.policy.current.ticket_shapes == "PAY-# INC#"
    assert AuditEvent.objects.filter(verb="policy.changed").first().data["ticket_shapes"] == "PAY-# INC#"
    with pytest.raises(lifecycle.Refused, match="# stands for the number"):
        factories.a_policy("guarded", ticket_shapes="(a+)+")
