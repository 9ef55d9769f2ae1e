"""Groups over SCIM, as Entra ID and Okta send them: they are the provider's own, and who is said to be out is out."""

from datetime import timedelta

import pytest
from django.utils import timezone

from enrollment import audit, facts, lifecycle
from enrollment.models import AuditEvent, Membership
from enrollment.policy import decide
from tests import factories
from tests.portal.scim import GROUP, PATCH_OP, of, replace

FINANCE = "oidc:finance"


@pytest.fixture
def hers(directory, alice):
    return directory.tell_of("alice")


@pytest.fixture
def finance(directory, hers):
    return directory.keep("finance", hers)


def groups_of(user):
    return set(user.memberships.values_list("group__name", "source"))


def flags(user):
    user.refresh_from_db()
    return user.is_staff, user.is_superuser, user.is_auditor


@pytest.mark.parametrize(
    "sent",
    [
        {"schemas": [GROUP], "displayName": "Test SCIMv2", "members": []},  # Okta
        {  # Entra ID
            "schemas": [GROUP, "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
            "externalId": "8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159",
            "displayName": "Test SCIMv2",
            "meta": {"resourceType": "Group"},
        },
    ],
    ids=["Okta", "Entra"],
)
def test_a_group_is_the_providers_own_with_its_prefix(directory, sent):
    answer = directory.post("Groups", **sent)
    assert (answer.status_code, answer.body["displayName"], answer.body["members"]) == (201, "Test SCIMv2", [])
    assert directory.get(f"Groups/{answer.body['id']}").body == answer.body
    assert AuditEvent.objects.get(verb="group.provisioned").subject == "oidc:Test SCIMv2"
    assert directory.post("Groups", **sent).status_code == 409


def test_a_member_is_one_since_when_and_by_whose_word(directory, alice, finance):
    row = Membership.objects.get(user=alice, group__name=FINANCE)
    event = AuditEvent.objects.get(verb="user.regrouped")
    assert (row.source, timezone.now() - row.since < timedelta(minutes=1)) == ("scim", True)
    assert (event.data["into"], event.data["out_of"], event.data["groups"]) == ([FINANCE], [], ["employees", FINANCE])


REMOVALS = [
    lambda own: {"op": "Remove", "path": "members", "value": [{"$ref": None, "value": own}]},  # Entra ID
    lambda own: {"op": "remove", "path": f'members[value eq "{own}"]'},  # Okta, and Entra ID told to be compliant
    lambda own: {"op": "remove", "path": "members", "value": {"value": own}},
    lambda own: {"op": "remove", "path": f"{GROUP}:members", "value": [{"value": own, "type": "User"}]},
]
ADDITIONS = [
    lambda own: {"op": "Add", "path": "members", "value": [{"$ref": None, "value": own}]},
    lambda own: {"op": "add", "path": "members", "value": [{"value": own, "display": "alice@corp.example"}]},
    lambda own: {"op": "add", "value": {"members": of(own)}},
]


@pytest.mark.parametrize("removal", REMOVALS)
@pytest.mark.parametrize("addition", ADDITIONS)
def test_members_come_and_go_by_name_and_twice_is_once(directory, alice, hers, removal, addition):
    finance = directory.keep("finance")
    answers = [directory.patch(f"Groups/{finance}", addition(hers)) for _ in range(2)]
    assert (FINANCE, "scim") in groups_of(alice)
    answers += [directory.patch(f"Groups/{finance}", removal(hers)) for _ in range(2)]
    assert {(answer.status_code, answer.content) for answer in answers} == {(204, b"")}
    assert (groups_of(alice), AuditEvent.objects.filter(verb="user.regrouped").count()) == ({("employees", "oidc")}, 2)


def test_several_operations_are_done_together(directory, alice, erin, hers, finance):
    other = directory.tell_of("erin")
    sent = [{"op": "remove", "path": f'members[value eq "{hers}"]'}, {"op": "add", "path": "members", "value": of(other)}]
    directory.patch(f"Groups/{finance}", *sent)
    assert directory.members(finance) == {other}


@pytest.mark.parametrize(
    ("name", "rights"), [("lychgate-admins", (True, True, False)), ("lychgate-auditors", (True, False, True)), ("x", (False, False, False))]
)
def test_what_a_group_opens_comes_and_goes_with_it(directory, alice, hers, name, rights):
    group = directory.keep(name, hers)
    assert flags(alice) == rights
    directory.patch(f"Groups/{group}", REMOVALS[0](hers))
    assert flags(alice) == (False, False, False)


@pytest.mark.parametrize("source", ["oidc", "scim"])
def test_a_removal_by_name_ends_what_either_way_had_given(directory, alice, hers, source):
    finance = directory.keep("finance")
    Membership.objects.create(user=alice, group=factories.a_group(FINANCE), source=source, since=timezone.now())
    directory.patch(f"Groups/{finance}", REMOVALS[1](hers))
    assert groups_of(alice) == {("employees", "oidc")}


def test_what_was_given_by_hand_stays(directory, alice, hers):
    finance = directory.keep("finance")
    Membership.objects.create(user=alice, group=factories.a_group(FINANCE), source="by hand", since=timezone.now())
    directory.patch(f"Groups/{finance}", REMOVALS[1](hers))
    directory.patch(f"Groups/{finance}", ADDITIONS[1](hers))
    assert (FINANCE, "by hand") in groups_of(alice)


def test_a_sign_in_ends_what_signing_in_gave_and_nothing_of_the_directory(directory, alice, finance):
    lifecycle.sign_in(alice, groups=["oidc:travel"], name="Alice", email="", auth_time=None, now=timezone.now())
    assert groups_of(alice) == {("oidc:travel", "oidc"), (FINANCE, "scim")}


def test_what_both_say_is_the_directorys_to_end(directory, alice, hers):
    travel = directory.keep("travel")
    lifecycle.sign_in(alice, groups=["oidc:travel"], name="Alice", email="", auth_time=None, now=timezone.now())
    directory.patch(f"Groups/{travel}", ADDITIONS[0](hers))
    lifecycle.sign_in(alice, groups=[], name="Alice", email="", auth_time=None, now=timezone.now())
    assert groups_of(alice) == {("oidc:travel", "scim")}
    directory.patch(f"Groups/{travel}", REMOVALS[0](hers))
    assert groups_of(alice) == set()


def test_leaving_the_group_ends_access_that_was_for_its_members(directory, alice, bob, laptop, pep, hers, finance):
    inner = factories.a_resource("inner", pep=pep, policy=factories.a_policy("inner", requesters=[FINANCE]))
    now = timezone.now()
    factories.a_grant(alice, inner, [laptop], reviewer=bob, now=now)
    assert decide(facts.facts_of(laptop, inner, now), now)
    before = timezone.now()
    directory.patch(f"Groups/{finance}", REMOVALS[0](hers))
    assert not decide(facts.facts_of(laptop, inner, now), now)
    as_told = [[each.user for each in facts.reaches_at(at, resource=inner) if each.until] for at in (before, timezone.now())]
    assert as_told == [["Alice"], []]
    assert audit.verify() == []


@pytest.fixture
def granted(alice, bob, laptop, fileshare):
    return factories.a_grant(alice, fileshare, [laptop], reviewer=bob, now=timezone.now())


def test_the_peps_of_those_who_came_or_went_are_told(directory, granted, pep, hers, told_peps, django_capture_on_commit_callbacks):
    finance = directory.keep("finance")
    for operation in (ADDITIONS[0](hers), REMOVALS[0](hers)):
        with django_capture_on_commit_callbacks(execute=True):
            directory.patch(f"Groups/{finance}", operation)
    assert told_peps[-2:] == [{pep.pk}] * 2


def test_a_group_is_no_member_of_a_group(directory, alice, hers, finance):
    other = directory.keep("other")
    nested = [
        [{"value": hers, "type": "Group"}],
        [{"value": hers, "$ref": f"https://x/scim/v2/Groups/{hers}"}],
        of(other),
        of(f"g{alice.pk}"),
    ]
    for value in nested:
        answer = directory.patch(f"Groups/{other}", {"op": "add", "path": "members", "value": value})
        assert (answer.status_code, answer.body["scimType"]) == (400, "invalidValue")
    assert directory.members(other) == set()


BAD = [None, 7, "", [None], [{}], [{"value": None}], [{"value": 1}], [{"value": "u404404"}], [{"value": "\x00"}], {"value": []}, [["u1"]]]


@pytest.mark.parametrize("value", BAD, ids=repr)
@pytest.mark.parametrize("op", ["add", "replace"])
def test_members_that_are_nobody_are_refused_and_nobody_goes(directory, hers, finance, op, value):
    answer = directory.patch(f"Groups/{finance}", {"op": op, "path": "members", "value": value})
    assert (answer.status_code, directory.members(finance)) == (400, {hers})


def test_taking_out_somebody_whom_nobody_is_does_nothing(directory, hers, finance):
    assert directory.patch(f"Groups/{finance}", REMOVALS[1]("u404404")).status_code == 204
    assert directory.members(finance) == {hers}


@pytest.mark.parametrize("op", ["add", "replace"])
def test_a_filter_only_removes(directory, hers, finance, op):
    answer = directory.patch(f"Groups/{finance}", {"op": op, "path": f'members[value eq "{hers}"]', "value": of(hers)})
    assert (answer.status_code, answer.body["scimType"]) == (400, "invalidPath")


def test_okta_sends_the_name_along_and_it_stays(directory, hers, finance):
    answer = directory.patch(f"Groups/{finance}", {"op": "replace", "value": {"id": finance, "displayName": "finance"}})
    assert answer.status_code == 204
    answers = [directory.patch(f"Groups/{finance}", replace("displayName", "admins")), directory.put(f"Groups/{finance}", displayName="y")]
    assert [(answer.status_code, answer.body["scimType"]) for answer in answers] == [(400, "mutability")] * 2
    assert directory.get(f"Groups/{finance}").body["displayName"] == "finance"


def test_a_removal_by_name_stands_whatever_else_is_wrong(directory, hers, finance):
    answer = directory.patch(f"Groups/{finance}", replace("displayName", "other"), REMOVALS[1](hers))
    assert (answer.status_code, directory.members(finance)) == (400, set())


def test_a_deleted_group_has_nobody_and_its_name_stays_for_policies(directory, alice, hers, finance):
    policy = factories.a_policy("inner", requesters=[FINANCE])
    assert directory.delete(f"Groups/{finance}").status_code == 204
    assert [directory.ask(method, f"Groups/{finance}", {}).status_code for method in ("GET", "PUT", "DELETE")] == [404] * 3
    assert groups_of(alice) == {("employees", "oidc")}
    assert [group.name for group in policy.current.requesters.all()] == [FINANCE]
    assert directory.keep("finance") == finance
    assert directory.members(finance) == set()


def test_groups_that_the_directory_does_not_keep_are_not_there(directory, finance):
    by_hand, of_a_sign_in = factories.a_group("local"), factories.a_group("oidc:travel")
    assert [directory.get(f"Groups/g{group.pk}").status_code for group in (by_hand, of_a_sign_in)] == [404] * 2
    assert directory.get("Groups").body["totalResults"] == 1


def test_groups_are_found_by_name_and_by_member(directory, hers, finance):
    other = directory.keep("travel")
    asked = {
        'displayName eq "finance"': [finance],
        'displayName eq "FINANCE"': [finance],
        'displayName eq "oidc:finance"': [],
        f'members eq "{hers}"': [finance],
        f'id eq "{other}" and members eq "{hers}"': [],
        f'id eq "{finance}" and members.value eq "{hers}"': [finance],
    }
    found = {each: [group["id"] for group in directory.get("Groups", filter=each).body["Resources"]] for each in asked}
    assert found == asked


def test_members_are_left_out_where_they_are_not_wanted(directory, finance):
    assert "members" not in directory.get(f"Groups/{finance}", excludedAttributes="members").body
    assert "members" not in directory.get("Groups", excludedAttributes="members", count=1).body["Resources"][0]


def test_the_body_says_which_kind_of_message_it_is(directory, hers, finance):
    sent = {"schemas": [PATCH_OP], "operations": [{"OP": "ADD", "Path": "Members", "VALUE": [{"Value": hers}]}]}
    assert directory.ask("PATCH", f"Groups/{finance}", sent).status_code == 204
