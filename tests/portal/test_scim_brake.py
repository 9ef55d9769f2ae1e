"""The mass-change brake: who is merely left out of a list waits for an admin, where that is many; who is named never waits."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from enrollment import audit, clock, lifecycle
from enrollment.models import AuditEvent, DirectoryUser, HeldChange, Membership, Notice, User
from tests import factories
from tests.portal.scim import active, of, replace

CHANGE = "/admin/enrollment/heldchange/"


@pytest.fixture
def staff(directory, dave):
    """Twenty people of the group `finance`; return their ids."""
    return [directory.tell_of(f"person{number}") for number in range(20)]


@pytest.fixture
def finance(directory, staff):
    return directory.keep("finance", *staff)


@pytest.fixture
def held(directory, staff, finance):
    """A list that lacks nine of them."""
    assert directory.put(f"Groups/{finance}", displayName="finance", members=of(*staff[:11])).status_code == 409
    return HeldChange.objects.get()


@pytest.fixture
def as_dave(dave):
    browser = Client()
    browser.force_login(dave)
    return browser


def ways(directory, group, ids):
    """Return every way to send a whole list."""
    return {
        "PUT": lambda: directory.put(f"Groups/{group}", displayName="finance", members=of(*ids)),
        "Okta": lambda: directory.patch(f"Groups/{group}", replace("members", of(*ids))),
        "without a path": lambda: directory.patch(f"Groups/{group}", {"op": "replace", "value": {"members": of(*ids)}}),
    }


@pytest.mark.parametrize("way", ["PUT", "Okta", "without a path"])
@pytest.mark.parametrize(("left_out", "status"), [(0, None), (1, None), (4, None), (5, 409), (9, 409), (19, 409)])
def test_more_than_a_fifth_of_a_group_is_not_left_out_without_an_admin(directory, staff, finance, way, left_out, status):
    rest = staff[left_out:]
    answer = ways(directory, finance, rest)[way]()
    assert answer.status_code == (status or (200 if way == "PUT" else 204))
    assert directory.members(finance) == (set(staff) if status else set(rest))
    assert HeldChange.objects.count() == bool(status)


@pytest.mark.parametrize(("share", "left_out", "is_held"), [(100, 19, False), (0, 5, True), (0, 4, False), (50, 10, False), (50, 11, True)])
def test_the_share_is_a_setting_and_a_few_people_are_none(directory, staff, finance, settings, share, left_out, is_held):
    settings.BRAKE_SHARE = share
    directory.put(f"Groups/{finance}", members=of(*staff[left_out:]))
    assert HeldChange.objects.exists() is is_held


@pytest.mark.parametrize("way", ["PUT", "Okta", "without a path"])
def test_an_empty_list_is_an_error_however_few_they_are(directory, dave, way):
    own = directory.tell_of("alice")
    group = directory.keep("finance", own)
    answer = ways(directory, group, [])[way]()
    assert (answer.status_code, "empty list of members is taken for an error" in answer.body["detail"]) == (400, True)
    assert (directory.members(group), HeldChange.objects.get().people.count(), Notice.objects.filter(to=dave.email).count()) == (
        {own},
        1,
        1,
    )


def test_so_is_removing_all_without_naming_anybody(directory, staff, finance):
    assert directory.patch(f"Groups/{finance}", {"op": "remove", "path": "members"}).status_code == 400
    assert directory.members(finance) == set(staff)


def test_an_empty_list_of_an_empty_group_is_no_error(directory):
    group = directory.keep("finance")
    assert directory.put(f"Groups/{group}", displayName="finance", members=[]).status_code == 200


@pytest.mark.parametrize("body", [{"displayName": "finance"}, {"displayName": "finance", "members": None}])
def test_a_put_that_does_not_speak_of_members_leaves_them(directory, staff, finance, body):
    assert directory.put(f"Groups/{finance}", **body).status_code == 200
    assert directory.members(finance) == set(staff)


def test_little_by_little_is_held_too(directory, staff, finance):
    answers = [directory.put(f"Groups/{finance}", members=of(*staff[count:])).status_code for count in (2, 4, 6, 8)]
    assert answers == [200, 200, 409, 409]
    assert directory.members(finance) == set(staff[4:])


def test_a_day_later_the_count_begins_anew(directory, staff, finance, monkeypatch):
    directory.put(f"Groups/{finance}", members=of(*staff[4:]))
    later = timezone.now() + timedelta(hours=24, minutes=1)
    monkeypatch.setattr(clock, "look", lambda: clock.Reading(later, later))
    assert directory.put(f"Groups/{finance}", members=of(*staff[7:])).status_code == 200


def test_who_is_cut_off_already_does_not_count(directory, staff, finance):
    for own in staff[:9]:
        directory.patch(f"Users/{own}", active(False))
    assert directory.put(f"Groups/{finance}", members=of(*staff[9:])).status_code == 200


def test_who_was_never_told_of_cannot_be_left_out(directory, alice, staff, finance):
    Membership.objects.create(user=alice, group=factories.a_group("oidc:finance"), source="oidc", since=timezone.now())
    assert directory.put(f"Groups/{finance}", members=of(*staff)).status_code == 200
    assert alice.memberships.filter(group__name="oidc:finance").exists()


def test_five_hundred_are_held_and_one_leaver_is_cut_off_all_the_same(directory, alice, laptop, fileshare, bob, dave):
    """CASES G: the brake holds what is inferred from absence, and only that."""
    people = [directory.tell_of(f"person{number}") for number in range(4)]
    group = directory.keep("finance", *people)
    crowd = User.objects.bulk_create(
        [User(issuer=factories.ISSUER, subject=f"c{number}", username=f"c{number}", name=f"C {number}") for number in range(500)]
    )
    DirectoryUser.objects.bulk_create(
        [DirectoryUser(user=user, user_name=user.subject, since=timezone.now(), changed_at=timezone.now()) for user in crowd]
    )
    in_it = factories.a_group("oidc:finance")
    Membership.objects.bulk_create([Membership(user=user, group=in_it, source="scim", since=timezone.now()) for user in crowd])
    hers = directory.tell_of("alice")
    directory.patch(f"Groups/{group}", {"op": "add", "path": "members", "value": of(hers)})
    grant = factories.a_grant(alice, fileshare, [laptop], reviewer=bob, now=timezone.now())
    assert directory.put(f"Groups/{group}", members=of(*people)).status_code == 409
    assert (in_it.memberships.count(), HeldChange.objects.get().people.count()) == (505, 501)
    assert directory.patch(f"Users/{hers}", active("False")).status_code == 200
    assert directory.patch(f"Groups/{group}", {"op": "remove", "path": f'members[value eq "{people[0]}"]'}).status_code == 204
    assert directory.delete(f"Users/{hers}").status_code == 204
    alice.refresh_from_db()
    grant.refresh_from_db()
    assert (alice.is_active, grant.state, in_it.memberships.count()) == (False, "revoked", 503)


def test_removals_by_name_are_never_held_however_many(directory, staff, finance):
    assert directory.patch(f"Groups/{finance}", {"op": "Remove", "path": "members", "value": of(*staff[:15])}).status_code == 204
    assert (directory.members(finance), HeldChange.objects.count()) == (set(staff[15:]), 0)
    assert directory.put(f"Groups/{finance}", members=of(*staff[16:])).status_code == 200  # they did not count


def test_what_one_request_names_is_done_and_what_it_leaves_out_is_held(directory, staff, finance):
    by_name = {"op": "remove", "path": f'members[value eq "{staff[0]}"]'}
    assert directory.patch(f"Groups/{finance}", replace("members", of(*staff[10:])), by_name).status_code == 409
    assert directory.members(finance) == set(staff[1:])


def test_the_answer_says_what_happened_and_what_to_do(directory, staff, finance, held):
    answer = directory.put(f"Groups/{finance}", members=of(*staff[:11]))
    assert (answer.status_code, "scimType" in answer.body) == (409, False)
    assert answer.body["detail"].startswith("Nothing was changed: this list leaves out 9 of 20 members at once, so it waits for an admin")


def test_the_alarm_is_one_mail_and_one_event_however_often_the_list_comes(directory, staff, finance, dave, held):
    for _ in range(3):
        directory.put(f"Groups/{finance}", members=of(*staff[:11]))
    mail = Notice.objects.get(to=dave.email)
    assert mail.subject == "HELD: 9 people would leave oidc:finance"
    assert mail.link == f"{CHANGE}{held.pk}/change/"
    assert AuditEvent.objects.filter(verb="group.change_held").count() == 1
    assert HeldChange.objects.count() == 1


def test_a_monitoring_system_sees_that_something_is_held(held, as_dave):
    assert "\nlychgate_changes_held 1\n" in as_dave.get("/metrics").text
    as_dave.post(f"{CHANGE}{held.pk}/dismiss/", {})
    assert "\nlychgate_changes_held 0\n" in as_dave.get("/metrics").text


def test_the_page_says_who_would_lose_what(directory, staff, finance, held, as_dave, bob, pep):
    person = User.objects.get(subject="person12-subject")
    User.objects.filter(pk=person.pk).update(name="Twelve")
    inner = factories.a_resource("inner", pep=pep, policy=factories.a_policy("inner", requesters=["oidc:finance"]))
    open_to_all = factories.a_resource("wiki", pep=pep, number=20)
    either = factories.a_policy("either", requesters=["oidc:finance", "staff"])
    to_staff_too = factories.a_resource("printers", pep=pep, number=30, policy=either)
    Membership.objects.create(user=person, group=factories.a_group("staff"), source="by hand", since=timezone.now())
    person.refresh_from_db()
    device = factories.a_device(person, now=timezone.now())
    for resource in (inner, open_to_all, to_staff_too):
        factories.a_grant(person, resource, [device], reviewer=bob, now=timezone.now())
    page = as_dave.get(f"{CHANGE}{held.pk}/change/").text
    assert "Twelve: Inner" in page
    asked = as_dave.get(f"{CHANGE}{held.pk}/confirm/").text
    assert "Twelve: would lose Inner</li>" in asked
    assert "9 people who are members still" in asked
    assert HeldChange.objects.get().state == "held"


def test_what_an_admin_confirms_is_done_and_the_same_list_passes_then(directory, staff, finance, held, as_dave, dave):
    as_dave.post(f"{CHANGE}{held.pk}/confirm/", {})
    assert directory.members(finance) == set(staff[:11])
    held.refresh_from_db()
    assert (held.state, held.closed_by) == ("confirmed", dave)
    told = AuditEvent.objects.filter(verb="user.regrouped", actor_id=dave.pk)
    assert (told.count(), set(told.values_list("data__is_inferred", flat=True))) == (9, {True})
    assert directory.put(f"Groups/{finance}", members=of(*staff[:11])).status_code == 200
    assert audit.verify() == []


def test_what_an_admin_dismisses_is_refused_from_then_on_without_another_mail(directory, staff, finance, held, as_dave):
    as_dave.post(f"{CHANGE}{held.pk}/dismiss/", {})
    answer = directory.put(f"Groups/{finance}", members=of(*staff[:11]))
    assert (answer.status_code, "an admin of the portal has refused that" in answer.body["detail"]) == (409, True)
    assert (directory.members(finance), HeldChange.objects.count(), Notice.objects.count()) == (set(staff), 1, 1)
    directory.put(f"Groups/{finance}", members=of(*staff[:3]))  # others too: that was not refused yet
    assert (HeldChange.objects.filter(state="held").count(), Notice.objects.count()) == (1, 2)


def test_it_is_over_once_the_directory_names_them_again(directory, staff, finance, held, as_dave):
    assert directory.put(f"Groups/{finance}", members=of(*staff)).status_code == 200
    held.refresh_from_db()
    assert (held.state, held.closed_by) == ("over", None)
    answer = as_dave.post(f"{CHANGE}{held.pk}/confirm/", {})
    assert (answer.status_code, directory.members(finance)) == (409, set(staff))


def test_confirming_takes_out_nobody_who_is_out_or_was_not_shown(directory, staff, finance, held, dave):
    directory.patch(f"Groups/{finance}", {"op": "remove", "path": f'members[value eq "{staff[19]}"]'})
    extra = directory.tell_of("late")
    directory.patch(f"Groups/{finance}", {"op": "add", "path": "members", "value": of(extra)})
    assert lifecycle.confirm_held(held, actor=dave, now=timezone.now()) == 8
    assert directory.members(finance) == {*staff[:11], extra}


@pytest.mark.parametrize("verb", ["confirm_held", "dismiss_held"])
def test_nobody_but_an_admin_decides(held, alice, bob, carol, verb):
    for person in (alice, bob, carol):
        with pytest.raises(lifecycle.Refused, match="Only an admin"):
            getattr(lifecycle, verb)(held, actor=person, now=timezone.now())
    held.refresh_from_db()
    assert held.state == "held"
