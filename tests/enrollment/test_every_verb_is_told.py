"""Every verb writes one event for each thing that it moves, with where it moved from and to; and what it refuses leaves none."""

from datetime import timedelta
from types import SimpleNamespace

import pytest

from enrollment import lifecycle
from enrollment.models import AuditEvent, Device, Grant
from tests.factories import HOUR, a_device, a_grant, a_group, a_key, a_policy, a_request, a_resource, later

THEN = later(60)
STILL = None, None  # nothing that has states moved


@pytest.fixture
def cast(alice, bob, carol, dave, erin, pep, fileshare, laptop):
    """Alice's laptop and phone, a request that waits, a grant that runs with an extension behind it, and everybody else."""
    phone = a_device(alice, "phone")
    running = a_grant(alice, fileshare, [phone], reviewer=bob)
    following = a_grant(alice, fileshare, [phone], reviewer=bob, extends=running)
    waiting = a_request(alice, fileshare, [laptop])
    named = {"alice": alice, "bob": bob, "carol": carol, "dave": dave, "erin": erin, "pep": pep, "fileshare": fileshare}
    return SimpleNamespace(**named, laptop=laptop, phone=phone, running=running, following=following, waiting=waiting)


def a_pending_device(cast):
    device = a_device(cast.alice, "tablet")
    Device.objects.filter(pk=device.pk).update(state=Device.State.PENDING)
    device.refresh_from_db()
    return device


def suspended(cast):
    lifecycle.suspend_device(cast.laptop, actor=cast.alice, reason="", now=THEN)
    return cast.laptop


def lost(cast):
    lifecycle.report_lost(cast.laptop, actor=cast.alice, reason="", now=THEN)
    return cast.laptop


def disabled(cast):
    lifecycle.disable_user(cast.erin, actor=cast.dave, now=THEN)
    return cast.erin


def lent(cast):
    end = THEN + timedelta(hours=1)
    return lifecycle.delegate(cast.bob, delegate=cast.erin, starts_at=THEN, ends_at=end, reason="away", now=THEN)


def a_coming_grant(cast):
    asked = a_request(cast.alice, cast.fileshare, [a_device(cast.alice, "tablet")], starts_at=THEN)
    return lifecycle.approve(asked, reviewer=cast.bob, now=later())


def in_an_emergency(cast):
    a_policy("policy of fileshare", break_glass_longest=HOUR)
    tablet = a_device(cast.alice, "tablet")
    return lambda: lifecycle.break_glass(cast.alice, resource=cast.fileshare, devices=[tablet], seconds=60, reason="fire", now=THEN)


def sign_in(cast, _given):
    lifecycle.sign_in(cast.alice, groups=["employees"], name="Alice", email="", auth_time=THEN, now=THEN)


def signed_in(cast):
    return lifecycle.sign_in(cast.alice, groups=None, name="Alice", email="", auth_time=THEN, sid="s1", now=THEN)


def probed(cast):
    browser = signed_in(cast)
    lifecycle.keep_refresh_token(browser, "sealed", now=THEN)
    browser.refresh_from_db()
    return browser


def new_terms(cast, _given):
    terms = {"time_to_answer": HOUR, "longest_grant": HOUR, "rolling_total": HOUR, "rolling_window": HOUR, "session_length": None}
    stages = [(a_group("employees"), 1)]
    lifecycle.new_policy_version(cast.fileshare.policy, actor=cast.dave, now=THEN, stages=stages, requesters=[], **terms)


def known(cast):
    return lifecycle.provision_user(cast.erin.issuer, cast.erin.subject, user_name="erin", now=THEN)


def kept(cast):
    known(cast)
    group = lifecycle.provision_group("oidc:finance", now=THEN)
    lifecycle.change_members(group, add=[cast.erin], now=THEN)
    return group


def held(cast):
    return lifecycle.replace_members(kept(cast), [], now=THEN)


def handed(cast):
    return lifecycle.make_handover(cast.alice, now=THEN)[0]


def opened(cast):
    handover = handed(cast)
    lifecycle.open_handover(handover, actor=cast.alice, now=THEN)
    return handover


def offered(cast):
    handover = handed(cast)
    lifecycle.offer_key(handover, public_key=a_key(), now=THEN)
    return handover


REGROUPED = ("user.regrouped", *STILL)
WITHDRAWN = ("request.withdrawn", "pending", "withdrawn")
BOTH_REVOKED = [("grant.revoked", "active", "revoked"), ("grant.revoked", "scheduled", "revoked")]
# For each verb: what there must be before it, what it does, and the events that tell of it.
TABLE = {
    "sign_in": (None, sign_in, [("user.signed_in", *STILL)]),
    "sign_out": (
        signed_in,
        lambda cast, browser: lifecycle.sign_out(cast.alice, browser.pk, now=THEN),
        [("user.signed_out", *STILL)],
    ),
    "sign_out_everywhere": (
        signed_in,
        lambda cast, _: lifecycle.sign_out_everywhere(cast.alice, now=THEN),
        [("user.signed_out", *STILL)],
    ),
    "sign_out_by_provider": (
        signed_in,
        lambda cast, _: lifecycle.sign_out_by_provider(
            issuer=cast.alice.issuer, jti="one", subject="", sid="s1", issued_at=THEN, expires_at=THEN, now=THEN
        ),
        [("user.signed_out", *STILL)],
    ),
    "end_refused": (probed, lambda _cast, browser: lifecycle.end_refused(browser, now=THEN), [("user.signed_out", *STILL)]),
    "report_mistaken": (
        probed,
        lambda _cast, browser: lifecycle.report_mistaken(browser, "another person", now=THEN),
        [("user.mistaken", *STILL)],
    ),
    # Books of the portal's own, about which there is nothing to tell:
    "keep_key": (signed_in, lambda _cast, browser: lifecycle.keep_key(browser, "a-key"), []),
    "forget_logout_tokens": (None, lambda _cast, _: lifecycle.forget_logout_tokens(now=THEN), []),
    "keep_refresh_token": (signed_in, lambda _cast, browser: lifecycle.keep_refresh_token(browser, "sealed", now=THEN), []),
    "take_probe": (probed, lambda _cast, browser: lifecycle.take_probe(browser, now=THEN), []),
    "keep_rotated": (probed, lambda _cast, browser: lifecycle.keep_rotated(browser, "another"), []),
    "stand_by": (probed, lambda _cast, browser: lifecycle.stand_by(browser, now=THEN), []),
    "drop_token": (probed, lambda _cast, browser: lifecycle.drop_token(browser), []),
    "forget_refresh_tokens": (probed, lambda _cast, _: lifecycle.forget_refresh_tokens(now=THEN), []),
    "forget_sessions": (None, lambda _cast, _: lifecycle.forget_sessions(now=THEN), []),
    "enrol_device": (None, lambda cast, _: a_device(cast.erin, now=THEN), [("device.enrolled", None, "enrolled")]),
    "make_handover": (
        handed,
        lambda cast, _: handed(cast),
        [("handover.replaced", "open", "replaced"), ("handover.made", None, "open")],
    ),
    "open_handover": (
        handed,
        lambda cast, handover: lifecycle.open_handover(handover, actor=cast.alice, now=THEN),
        [("handover.opened", "open", "opened")],
    ),
    "offer_key": (
        handed,
        lambda _cast, handover: lifecycle.offer_key(handover, public_key=a_key(), now=THEN),
        [("handover.offered", "open", "offered")],
    ),
    "confirm_handover": (
        offered,
        lambda cast, handover: lifecycle.confirm_handover(handover, name="tablet", actor=cast.alice, now=THEN),
        [("device.enrolled", None, "enrolled"), ("handover.confirmed", "offered", "confirmed")],
    ),
    "finish_handover": (
        opened,
        lambda cast, handover: lifecycle.finish_handover(handover.pk, cast.laptop, now=THEN),
        [("handover.confirmed", "opened", "confirmed")],
    ),
    "no_room": (None, lambda cast, _: lifecycle.no_room(cast.alice), []),  # asks, and does nothing
    "refuse_handover": (
        offered,
        lambda cast, handover: lifecycle.refuse_handover(handover, actor=cast.alice, now=THEN),
        [("handover.refused", "offered", "refused")],
    ),
    "forget_handovers": (handed, lambda _cast, _: lifecycle.forget_handovers(now=THEN + timedelta(hours=1)), []),
    "approve_device": (
        a_pending_device,
        lambda cast, device: lifecycle.approve_device(device, actor=cast.dave, now=THEN),
        [("device.approved", "pending", "enrolled")],
    ),
    "refuse_device": (
        a_pending_device,
        lambda cast, device: lifecycle.refuse_device(device, actor=cast.dave, reason="whose?", now=THEN),
        [("device.refused", "pending", "retired")],
    ),
    "suspend_device": (
        None,
        lambda cast, _: lifecycle.suspend_device(cast.laptop, actor=cast.alice, reason="", now=THEN),
        [("device.suspended", "enrolled", "suspended")],
    ),
    "resume_device": (
        suspended,
        lambda cast, device: lifecycle.resume_device(device, actor=cast.alice, reason="", now=THEN),
        [("device.resumed", "suspended", "enrolled")],
    ),
    "report_lost": (
        None,
        lambda cast, _: lifecycle.report_lost(cast.laptop, actor=cast.alice, reason="", now=THEN),
        [("device.reported_lost", "enrolled", "suspended")],
    ),
    "bring_back_device": (
        lost,
        lambda cast, device: lifecycle.bring_back_device(device, public_key=a_key(), key_origin="own", actor=cast.alice, now=THEN),
        [("device.found", "suspended", "enrolled")],
    ),
    "rotate_key": (
        None,
        lambda cast, _: lifecycle.rotate_key(cast.laptop, public_key=a_key(), key_origin="own", actor=cast.alice, now=THEN),
        [("device.key_rotated", *STILL)],
    ),
    "retire_device": (
        None,
        lambda cast, _: lifecycle.retire_device(cast.laptop, actor=cast.alice, reason="", now=THEN),
        [("device.retired", "enrolled", "retired"), WITHDRAWN],
    ),
    "free_addresses": (
        lambda cast: lifecycle.retire_device(cast.phone, actor=cast.alice, reason="", now=THEN),
        lambda _cast, _: lifecycle.free_addresses(later(days=3)),
        [("device.address_freed", *STILL)],
    ),
    "request_bundle": (
        lambda cast: (a_device(cast.alice, "tablet"), a_resource("wiki", pep=cast.pep, number=30)),
        lambda cast, given: lifecycle.request_bundle(
            cast.alice, resources=[cast.fileshare, given[1]], devices=[given[0]], seconds=60, reason="all", now=THEN
        ),
        [("request.made", None, "pending")] * 2,
    ),
    "request_access": (
        lambda cast: a_device(cast.alice, "tablet"),
        lambda cast, device: a_request(cast.alice, cast.fileshare, [device], now=THEN),
        [("request.made", None, "pending")],
    ),
    "cancel_request": (
        None,
        lambda cast, _: lifecycle.cancel_request(cast.waiting, actor=cast.alice, now=THEN),
        [("request.cancelled", "pending", "cancelled")],
    ),
    "remind_approvers": (
        None,
        lambda cast, _: lifecycle.remind_approvers(cast.waiting, actor=cast.alice, now=THEN),
        [("request.reminded", *STILL)],
    ),
    "lapse_due": (None, lambda _cast, _: lifecycle.lapse_due(later(days=2)), [("request.lapsed", "pending", "lapsed")]),
    "approve": (
        None,
        lambda cast, _: lifecycle.approve(cast.waiting, reviewer=cast.bob, now=THEN),
        [("request.reviewed", *STILL), ("request.approved", "pending", "approved"), ("grant.made", None, "active")],
    ),
    "deny": (
        None,
        lambda cast, _: lifecycle.deny(cast.waiting, reviewer=cast.bob, comment="no", now=THEN),
        [("request.reviewed", *STILL), ("request.denied", "pending", "denied")],
    ),
    "activate_due": (a_coming_grant, lambda _cast, _: lifecycle.activate_due(THEN), [("grant.activated", "scheduled", "active")]),
    "expire_due": (
        lambda cast: lifecycle.revoke(cast.following, actor=cast.bob, reason="", now=THEN),
        lambda _cast, _: lifecycle.expire_due(later(HOUR)),
        [("grant.expired", "active", "expired")],
    ),
    "break_glass": (
        in_an_emergency,
        lambda _cast, take: take(),
        [("request.made", None, "approved"), ("grant.made", None, "active")],
    ),
    "review_break_glass": (
        lambda cast: in_an_emergency(cast)(),
        lambda cast, grant: lifecycle.review_break_glass(grant, reviewer=cast.bob, justified=False, comment="no fire", now=THEN),
        [("grant.reviewed", *STILL), ("grant.revoked", "active", "revoked")],
    ),
    "revoke": (None, lambda cast, _: lifecycle.revoke(cast.running, actor=cast.bob, reason="", now=THEN), BOTH_REVOKED),
    "disable_user": (
        None,
        lambda cast, _: lifecycle.disable_user(cast.alice, actor=cast.dave, now=THEN),
        [("user.disabled", "active", "disabled"), WITHDRAWN],
    ),
    "enable_user": (
        disabled,
        lambda cast, erin: lifecycle.enable_user(erin, actor=cast.dave, now=THEN),
        [("user.enabled", "disabled", "active")],
    ),
    "provision_user": (None, lambda cast, _: known(cast), [("user.provisioned", *STILL)]),
    "describe_user": (
        known,
        lambda _cast, erin: lifecycle.describe_user(erin, name="Erin Else", now=THEN),
        [("user.described", *STILL)],
    ),
    "deprovision_user": (
        known,
        lambda _cast, erin: lifecycle.deprovision_user(erin, now=THEN),
        [("user.disabled", "active", "disabled"), REGROUPED, ("user.deprovisioned", *STILL)],
    ),
    "report_unmatched": (
        None,
        lambda _cast, _: lifecycle.report_unmatched("u404", deletes=False, now=THEN),
        [("directory.unmatched", *STILL)],
    ),
    "provision_group": (
        None,
        lambda _cast, _: lifecycle.provision_group("oidc:finance", now=THEN),
        [("group.provisioned", None, "kept")],
    ),
    "deprovision_group": (
        kept,
        lambda _cast, group: lifecycle.deprovision_group(group, now=THEN),
        [REGROUPED, ("group.deprovisioned", "kept", None)],
    ),
    "change_members": (
        kept,
        lambda cast, group: lifecycle.change_members(group, add=[cast.alice], remove=[cast.erin], now=THEN),
        [REGROUPED, REGROUPED],
    ),
    "replace_members": (
        kept,
        lambda _cast, group: lifecycle.replace_members(group, [], now=THEN),
        [("group.change_held", None, "held")],
    ),
    "confirm_held": (
        held,
        lambda cast, change: lifecycle.confirm_held(change, actor=cast.dave, now=THEN),
        [REGROUPED, ("group.change_confirmed", "held", "confirmed")],
    ),
    "dismiss_held": (
        held,
        lambda cast, change: lifecycle.dismiss_held(change, actor=cast.dave, now=THEN),
        [("group.change_dismissed", "held", "dismissed")],
    ),
    "delegate": (None, lambda cast, _: lent(cast), [("delegation.made", None, "open")]),
    "end_delegation": (
        lent,
        lambda cast, each: lifecycle.end_delegation(each, actor=cast.bob, now=THEN),
        [("delegation.ended", "open", "ended")],
    ),
    "new_policy_version": (None, new_terms, [("policy.changed", *STILL)]),
    "retire_resource": (
        None,
        lambda cast, _: lifecycle.retire_resource(cast.fileshare, actor=cast.dave, now=THEN),
        [("resource.retired", "offered", "retired"), WITHDRAWN],
    ),
    "estate_changed": (
        None,
        lambda cast, _: lifecycle.estate_changed(cast.pep, actor=cast.dave, verb="changed", now=THEN),
        [("pep.changed", *STILL)],
    ),
}


def since(seq):
    events = AuditEvent.objects.filter(seq__gt=seq).order_by("seq")
    return [(event.verb, event.data.get("from"), event.data.get("to")) for event in events]


def test_no_verb_is_left_out():
    verbs = {name for name in lifecycle.__all__ if name[0].islower()}
    assert verbs - set(TABLE) == set()


@pytest.mark.parametrize("verb", TABLE)
def test_it_writes_one_event_for_each_thing_that_moved(cast, verb):
    before, act, expected = TABLE[verb]
    given = before(cast) if before else None
    seq = AuditEvent.objects.first().seq
    act(cast, given)
    assert since(seq) == expected


@pytest.mark.parametrize(
    "verb",
    [
        *("approve_device", "resume_device", "report_lost", "cancel_request", "deny", "revoke", "enable_user", "end_delegation"),
        *("deprovision_user", "provision_user", "provision_group", "deprovision_group", "confirm_held", "dismiss_held"),
        *("remind_approvers", "open_handover", "offer_key", "confirm_handover", "refuse_handover"),
    ],
)
def test_what_comes_second_leaves_no_event(cast, verb):
    before, act, _expected = TABLE[verb]
    given = before(cast) if before else None
    act(cast, given)
    seq = AuditEvent.objects.first().seq
    with pytest.raises((lifecycle.Conflict, lifecycle.Refused)):
        act(cast, given)
    assert since(seq) == []


def test_a_leaver_s_grants_are_told_one_by_one(cast):
    seq = AuditEvent.objects.first().seq
    lifecycle.disable_user(cast.alice, actor=cast.dave, now=THEN, leaves=True)
    events = AuditEvent.objects.filter(seq__gt=seq, verb="grant.revoked")
    assert {event.subject_id for event in events} == {cast.running.pk, cast.following.pk}
    assert since(seq)[0] == ("user.disabled", "active", "disabled")


def test_an_event_says_where_the_grant_stood_and_not_where_the_one_in_hand_thought(cast):
    coming = a_coming_grant(cast)
    stale = Grant.objects.get(pk=coming.pk)
    lifecycle.activate_due(THEN)
    seq = AuditEvent.objects.first().seq
    lifecycle.revoke(stale, actor=cast.bob, reason="", now=THEN)
    assert since(seq) == [("grant.revoked", "active", "revoked")]
