"""What the database must never hold, whoever writes: every constraint, broken past all of our code."""

import re
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction

from enforcement.models import Alarm, Enforcement, Handshake
from enrollment import lifecycle
from enrollment.models import BrowserSession, LogoutToken, NoticeItem, ToldOnce
from tests import factories

CONSTRAINTS = {
    constraint.name: constraint
    for app in ("enrollment", "enforcement")
    for model in apps.get_app_config(app).get_models()
    for constraint in model._meta.constraints
}
NOW = factories.NOW


@pytest.fixture
def there(pep, fileshare, alice, bob, erin, laptop, request_of_alice):
    """One of everything that a constraint speaks of."""
    wiki = factories.a_resource("wiki", pep=pep, number=20)
    servers = factories.a_resource("servers", pep=pep, policy=factories.a_policy("loud", break_glass_longest=3600), number=30)
    grant = factories.a_grant(alice, wiki, [laptop], reviewer=bob)
    version = fileshare.policy.current
    lifecycle.provision_user(erin.issuer, erin.subject, user_name="Erin", now=NOW)
    group = lifecycle.provision_group("oidc:finance", now=NOW)
    lifecycle.change_members(group, add=[erin], now=NOW)
    return SimpleNamespace(
        user=alice,
        handover=lifecycle.make_handover(alice, now=NOW)[0],
        in_directory=erin.in_directory,
        held=lifecycle.replace_members(group, [], now=NOW),
        erin=erin,
        bob=bob,
        delegation=lifecycle.delegate(bob, delegate=erin, starts_at=NOW, ends_at=factories.later(days=1), reason="away", now=NOW),
        membership=alice.memberships.first(),
        version=version,
        stage=version.stages.get(),
        port=fileshare.ports.get(first=139),
        placement=fileshare.placements.get(),
        device=laptop,
        request=request_of_alice,
        other_request=factories.a_request(alice, wiki, [factories.a_device(alice, "phone")]),
        requested=request_of_alice.requested_devices.get(),
        review=grant.request.reviews.get(),
        grant=grant,
        emergency=factories.an_emergency(alice, servers, [laptop]),
        enforcement=Enforcement.objects.get_or_create(grant=grant, device=laptop, pep=pep, defaults={"wanted_at": NOW})[0],
        handshake=Handshake.objects.create(device=laptop, pep=pep, at=NOW),
        browser=BrowserSession.objects.create(user=erin, key="a-key", began_at=NOW),
        logout=LogoutToken.objects.create(jti="one", sid="s1", issued_at=NOW, forget_at=NOW),
        alarm=Alarm.objects.create(pep=pep, kind=Alarm.Kind.DRIFT, seen_at=NOW),
        item=NoticeItem.objects.filter(request=request_of_alice).first(),
        told=ToldOnce.objects.create(kind="grant late", subject_id=grant.pk, at=NOW),
    )


def put(name, /, **values):
    """Change one row in place."""

    def breach(there):
        row = getattr(there, name)
        type(row).objects.filter(pk=row.pk).update(**{key: value(there) if callable(value) else value for key, value in values.items()})

    return breach


def again(name, /, **values):
    """Add the same row once more, but for what is named."""

    def breach(there):
        row = getattr(there, name)
        row.pk = None
        for key, value in values.items():
            setattr(row, key, value(there) if callable(value) else value)
        row.save(force_insert=True)

    return breach


OTHER = {"public_key": factories.a_key("another"), "name": "other", "slot": 999, "address_v4": "10.89.9.9", "address_v6": "fd89::999"}


def another_device_with_the_same(*fields):
    return again("device", **{name: value for name, value in OTHER.items() if name not in fields})


BREACHES = {
    "user_once_per_subject": again("user", username="another"),
    "user_source_while_disabled": put("user", disabled_by_source="scim"),
    "directory_user_name_once": again("in_directory", user=lambda there: there.bob, user_name="ERIN"),
    "one_held_change": again("held"),
    "told_once": again("told"),
    "notice_names_a_request_once": again("item"),
    "held_closed_at": put("held", state="over"),
    "membership_once": again("membership"),
    "policy_version_once": again("version"),
    "policy_durations_positive": put("version", longest_grant=0),
    "policy_total_covers_longest": put("version", rolling_total=1),
    "policy_session_positive": put("version", session_length=0),
    "policy_mfa_has_an_age": put("version", needs_mfa=True),
    "ended_browser_has_no_key": put("browser", ended_at=NOW),
    "ended_browser_has_no_token": put("browser", ended_at=NOW, key=None, sealed_token="sealed"),
    "logout_names_somebody": put("logout", sid=""),
    "policy_break_glass_short": put("version", break_glass_longest=8 * 3600 + 1),
    "stage_position_once": again("stage"),
    "stage_needs_somebody": put("stage", need=0),
    "port_once": again("port"),
    "port_range_forwards": put("port", last=138),
    "placement_once": again("placement", overlay_v4="10.89.65.99", overlay_v6="fd89:0:0:1::99"),
    "placement_v4_whole": put("placement", target_v4=None),
    "placement_v6_whole": put("placement", target_v6=None),
    "placement_leads_somewhere": put("placement", overlay_v4=None, target_v4=None, overlay_v6=None, target_v6=None),
    "device_slot_once": another_device_with_the_same("slot"),
    "device_v4_once": another_device_with_the_same("address_v4"),
    "device_v6_once": another_device_with_the_same("address_v6"),
    "device_name_once_per_owner": another_device_with_the_same("name"),
    "device_retired_at": put("device", state="retired"),
    "device_address_rests_first": put("device", address_freed_at=NOW),
    "device_slot_kept": put("device", slot=None),
    "device_lost_is_cut_off": put("device", lost_at=NOW),
    "device_not_let_in_by_its_owner": put("device", approved_by=lambda there: there.user),
    "device_refused_is_retired": put("device", refusal="not ours"),
    "request_seconds_positive": put("request", seconds=0),
    "request_time_to_answer": put("request", answer_by=lambda there: there.request.created_at),
    "request_closed_at": put("request", state="denied"),
    "request_not_self_approved": put("request", state="approved", closed_at=NOW, closed_by=lambda there: there.user),
    "requested_device_once": again("requested", is_open=False),
    "one_open_request": again("requested", request=lambda there: there.other_request),
    "review_once_per_person": again("review", on_behalf_of=lambda there: there.erin),
    "review_once_per_seat": again("review", reviewer=lambda there: there.erin, on_behalf_of=lambda there: there.bob),
    "review_in_the_stead_of_another": put("review", on_behalf_of=lambda there: there.bob),
    "review_never_in_the_requesters_stead": put("review", on_behalf_of=lambda there: there.user),
    "review_never_of_oneself": put("review", reviewer=lambda there: there.user),
    "review_seconds_positive": put("review", seconds=0),
    "delegation_lasts": put("delegation", ends_at=NOW),
    "delegation_to_somebody_else": put("delegation", delegate=lambda there: there.bob),
    "delegation_ended_at": put("delegation", ended_by=lambda there: there.bob),
    "grant_lasts": put("grant", ends_at=lambda there: there.grant.starts_at),
    "grant_ended_at": put("grant", ended_at=NOW),
    "grant_review_of_break_glass": put("grant", review_due=True),
    "one_break_glass_to_review": again("emergency", request=lambda there: there.other_request),
    "enforcement_once": again("enforcement"),
    "handshake_once": again("handshake"),
    "alarm_once": again("alarm"),
    "handover_one_at_a_time": again("handover", digest="another"),
    "handover_lasts": put("handover", expires_at=NOW),
    "handover_offers_a_key": put("handover", public_key="k"),
    "handover_confirmed_is_a_device": put("handover", state="confirmed"),
}


def test_every_constraint_is_broken_here():
    assert set(BREACHES) == set(CONSTRAINTS)


@pytest.mark.parametrize("name", BREACHES)
def test_the_database_itself_refuses(there, name):
    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        BREACHES[name](there)
    # SQLite names the columns of a unique index, PostgreSQL its name.
    columns = set(re.findall(r"\.(\w+?)(?:_id)?\b", str(refused.value)))
    fields = {field.removesuffix("_id") for field in getattr(CONSTRAINTS[name], "fields", ())}
    assert name in str(refused.value) or columns == fields
