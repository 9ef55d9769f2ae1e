"""Somebody who met a limit: the page says so, keeps what was typed, and goes on a minute later. Counted in the site's own broker."""

import redis
from django.utils import timezone

from enrollment.models import AccessRequest, User
from tests import factories
from tests.e2e import estate
from tests.e2e.looks import check_looks


def test_who_sent_too_much_loses_nothing_and_sends_it_again_a_minute_later(person, world):
    estate.plant()
    person("bob").context.close()  # somebody must be there to answer
    page = person("erin")
    factories.a_device(User.objects.get(subject="demo-erin"), "Erin's laptop", now=timezone.now())
    page.goto("/resources/fileshare/request/")
    page.get_by_label("Erin's laptop").check()
    page.get_by_label("30 min").check()
    page.get_by_label("Reason").fill('The "figures"\nfor <the board>')
    refused = next(answer for number in range(100) if (answer := page.request.get(f"/requests/{900000 + number}/")).status == 429)
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    page.get_by_role("button", name="Send the request").click()
    page.get_by_role("heading", name="Too much at once").wait_for()
    check_looks(page, "too-much")
    a_minute_passes(world)
    page.get_by_role("button", name="Send it again").click()
    page.get_by_text("Waiting for lychgate-approvers").wait_for()
    assert AccessRequest.objects.filter(requester__subject="demo-erin").latest("pk").reason == 'The "figures"\nfor <the board>'


def a_minute_passes(site):
    """Take away what was counted, as the next minute does."""
    with redis.Redis(unix_socket_path=str(site.socket)) as broker:
        assert broker.delete(*broker.scan_iter("limits:*:misses:*")) >= 1
