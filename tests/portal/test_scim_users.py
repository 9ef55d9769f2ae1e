"""People over SCIM, as Entra ID and Okta send them: who is meant, what cuts off, what comes back, and what never does."""

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from enrollment import audit, lifecycle
from enrollment.models import AuditEvent, Device, DirectoryUser, Grant, Membership, Notice, User
from tests import factories
from tests.portal.scim import USER, active, replace

OKTA = {
    "schemas": [USER],
    "userName": "test.user@okta.local",
    "name": {"givenName": "Test", "familyName": "User"},
    "emails": [{"primary": True, "value": "test.user@okta.local", "type": "work"}],
    "displayName": "Test User",
    "locale": "en-US",
    "externalId": "00ujl29u0le5T6Aj10h7",
    "groups": [],
    "password": "1mz050nq",
    "active": True,
}
ENTRA = {
    "schemas": [USER, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
    "externalId": "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef",
    "userName": "Test_User_ab6490ee",
    "active": True,
    "emails": [{"primary": True, "type": "work", "value": "Test_User_fd0ea19b@testuser.com"}],
    "meta": {"resourceType": "User"},
    "name": {"formatted": "givenName familyName", "familyName": "familyName", "givenName": "givenName"},
    "roles": [],
}
OFF = [
    {"op": "Replace", "path": "active", "value": "False"},  # Entra ID
    {"op": "replace", "path": "active", "value": False},  # Entra ID, told to be compliant
    {"op": "replace", "value": {"active": False}},  # Okta
    {"op": "add", "value": {"active": False}},  # SailPoint
    {"op": "Add", "path": "active", "value": [{"$ref": None, "value": "False"}]},  # Entra ID before 2018
    {"op": "replace", "path": f"{USER}:active", "value": "false"},
    {"op": "replace", "value": {"Active": "FALSE"}},
]


@pytest.fixture
def granted(alice, bob, laptop, fileshare):
    return factories.a_grant(alice, fileshare, [laptop], reviewer=bob, now=timezone.now())


@pytest.fixture
def hers(directory, alice):
    return directory.tell_of("alice")


def events(*verbs):
    return list(AuditEvent.objects.filter(verb__in=verbs).order_by("seq").values_list("verb", flat=True))


@pytest.mark.parametrize("sent", [OKTA, ENTRA], ids=["Okta", "Entra"])
def test_an_unknown_person_gets_an_account_without_any_right(directory, sent):
    answer = directory.post("Users", **sent)
    user = User.objects.get(subject=sent["externalId"], issuer=factories.ISSUER)
    assert (answer.status_code, answer["Location"]) == (201, answer.body["meta"]["location"])
    assert {name: answer.body[name] for name in ("userName", "externalId", "active")} == {
        "userName": sent["userName"],
        "externalId": sent["externalId"],
        "active": True,
    }
    assert (user.is_active, user.is_staff, user.is_superuser, user.is_auditor, user.has_usable_password()) == (True, *[False] * 4)
    assert (user.email, user.groups.count(), events("user.provisioned")) == (sent["emails"][0]["value"], 0, ["user.provisioned"])
    assert directory.get(f"Users/{answer.body['id']}").body == answer.body
    assert "1mz050nq" not in str(list(AuditEvent.objects.values())) + answer.text


def test_who_has_signed_in_before_is_the_same_account(directory, alice, hers):
    assert (hers, DirectoryUser.objects.get().user_id, User.objects.count()) == (f"u{alice.pk}", alice.pk, 1)
    assert set(alice.groups.values_list("name", flat=True)) == {"employees"}


def test_nobody_is_found_by_an_email_address(directory, alice, erin):
    directory.tell_of("stranger", emails=[{"value": alice.email, "primary": True}])
    stranger = User.objects.get(subject="stranger-subject")
    assert stranger.pk not in {alice.pk, erin.pk}
    for asked in ('emails eq "alice@example.com"', 'emails[type eq "work"].value eq "alice@example.com"', 'emails.value eq "x"'):
        assert directory.get("Users", filter=asked).body["scimType"] == "invalidFilter"
    directory.patch(f"Users/u{stranger.pk}", active(False))
    alice.refresh_from_db()
    assert alice.is_active


def test_with_user_name_as_the_subject_it_says_who_it_is(directory, alice, settings):
    settings.SCIM_SUBJECT = "userName"
    answer = directory.post("Users", userName="alice-subject", externalId="17")
    assert answer.body["id"] == f"u{alice.pk}"
    assert directory.patch(f"Users/u{alice.pk}", replace("userName", "erin-subject")).body["scimType"] == "mutability"


@pytest.mark.parametrize("lacks", ["externalId", "userName"])
@pytest.mark.parametrize("put", [None, "", "a\x00b", "x" * 256, 7, ["x"]], ids=repr)
def test_who_is_not_named_is_refused(directory, lacks, put):
    answer = directory.post("Users", **{**OKTA, lacks: put})
    assert (answer.status_code, answer.body["scimType"], User.objects.count()) == (400, "invalidValue", 0)


def test_who_is_known_already_is_a_409(directory, alice, hers):
    answers = [
        directory.post("Users", externalId="alice-subject", userName="other"),
        directory.post("Users", externalId="x", userName="ALICE@corp.example"),
    ]
    assert [(answer.status_code, answer.body["scimType"]) for answer in answers] == [(409, "uniqueness")] * 2
    assert User.objects.count() == 1


@pytest.mark.parametrize("operation", OFF, ids=str)
def test_a_deactivation_suspends_in_every_shape_it_is_sent_in(directory, alice, laptop, granted, hers, operation):
    browser = Client()
    browser.force_login(alice)
    here = lifecycle.sign_in(alice, groups=None, name="Alice", email="", auth_time=None, now=timezone.now())
    lifecycle.keep_key(here, browser.session.session_key)
    answer = directory.patch(f"Users/{hers}", operation)
    alice.refresh_from_db()
    assert (answer.status_code, answer.body["active"], alice.is_active, alice.disabled_by_source) == (200, False, False, "scim")
    assert Session.objects.count() == 0
    assert browser.get("/").status_code == 302
    granted.refresh_from_db()
    laptop.refresh_from_db()
    assert (granted.state, laptop.state) == ("active", "enrolled")  # it may be undone


def test_a_put_says_it_as_well(directory, alice, hers):
    answer = directory.put(f"Users/{hers}", schemas=[USER], id=hers, userName="alice@corp.example", active=False, groups=[])
    assert (answer.status_code, answer.body["active"]) == (200, False)


def test_the_second_time_is_a_success_and_no_second_event(directory, hers):
    answers = [directory.patch(f"Users/{hers}", active(False)).status_code for _ in range(3)]
    assert (answers, events("user.disabled")) == ([200] * 3, ["user.disabled"])


def test_pending_requests_are_withdrawn_and_the_peps_are_told(directory, told_peps, django_capture_on_commit_callbacks, granted, pep, hers):
    with django_capture_on_commit_callbacks(execute=True):
        directory.patch(f"Users/{hers}", active(False))
    assert told_peps[-1] == {pep.pk}


@pytest.mark.parametrize("value", [True, "True", "true"])
def test_what_scim_suspended_it_may_let_back_in(directory, alice, hers, value):
    directory.patch(f"Users/{hers}", active(False))
    answers = [directory.patch(f"Users/{hers}", active(value)) for _ in range(2)]
    alice.refresh_from_db()
    assert [answer.body["active"] for answer in answers] == [True, True]
    assert (alice.is_active, alice.disabled_by_source, events("user.enabled")) == (True, "", ["user.enabled"])


def test_what_an_admin_disabled_stays_so(directory, alice, dave, hers):
    lifecycle.disable_user(alice, actor=dave, now=timezone.now())
    assert directory.patch(f"Users/{hers}", active(False)).status_code == 200
    answers = [directory.patch(f"Users/{hers}", active(True)), directory.put(f"Users/{hers}", userName="alice@corp.example", active=True)]
    alice.refresh_from_db()
    assert [(answer.status_code, "by an admin" in answer.body["detail"]) for answer in answers] == [(409, True)] * 2
    assert (alice.is_active, events("user.disabled", "user.enabled")) == (False, ["user.disabled"])


def test_an_admin_takes_a_suspension_over_and_then_it_is_the_admins(directory, client, alice, dave, hers):
    directory.patch(f"Users/{hers}", active(False))
    client.force_login(dave)
    page = client.get(f"/admin/enrollment/user/{alice.pk}/change/")
    assert [offer["label"] for offer in page.context["verbs"]] == ["Disable", "Enable"]
    assert "the directory, which may enable it again" in page.text
    assert "alice@corp.example" in page.text
    client.post(f"/admin/enrollment/user/{alice.pk}/disable/", {})
    assert directory.patch(f"Users/{hers}", active(True)).status_code == 409
    with pytest.raises(lifecycle.Conflict, match="disabled by Dave"):
        lifecycle.disable_user(alice, actor=dave, now=timezone.now())


def test_an_admin_may_let_in_whom_scim_suspended(directory, alice, dave, hers):
    directory.patch(f"Users/{hers}", active(False))
    lifecycle.enable_user(alice, actor=dave, now=timezone.now())
    assert directory.get(f"Users/{hers}").body["active"] is True


def test_whoever_is_deleted_has_left_for_good(directory, alice, laptop, granted, hers):
    answer = directory.delete(f"Users/{hers}")
    alice.refresh_from_db()
    assert (answer.status_code, answer.content, alice.is_active) == (204, b"", False)
    assert (Grant.objects.get().state, Device.objects.get().state, alice.memberships.count()) == ("revoked", "retired", 0)
    assert directory.get(f"Users/{hers}").status_code == 404
    assert directory.get("Users").body["totalResults"] == 0
    assert audit.verify() == []


@pytest.mark.parametrize("before", ["active", "suspended", "disabled by an admin", "left by an admin's hand"])
def test_a_deletion_ends_everything_whatever_came_before(directory, alice, dave, laptop, granted, hers, before):
    if before == "suspended":
        directory.patch(f"Users/{hers}", active(False))
    elif before != "active":
        lifecycle.disable_user(alice, actor=dave, now=timezone.now(), leaves="left" in before)
    assert directory.delete(f"Users/{hers}").status_code == 204
    assert (Grant.objects.get().state, Device.objects.get().state) == ("revoked", "retired")
    back = directory.tell_of("alice")
    assert directory.get(f"Users/{back}").body["active"] is ("admin" not in before)


def test_nothing_revives_when_a_leaver_is_hired_again(directory, alice, laptop, granted, hers):
    directory.delete(f"Users/{hers}")
    assert directory.tell_of("alice") == hers
    alice.refresh_from_db()
    assert (alice.is_active, alice.memberships.count()) == (True, 0)
    assert (Grant.objects.get().state, Device.objects.get().state) == ("revoked", "retired")


def test_no_activation_undoes_a_revoke(directory, granted, hers):
    lifecycle.revoke(granted, actor=None, reason="enough", now=timezone.now())
    directory.patch(f"Users/{hers}", active(False))
    directory.patch(f"Users/{hers}", active(True))
    assert Grant.objects.get().state == "revoked"


@pytest.mark.parametrize(
    "more",
    [
        [replace("externalId", "erin-subject")],
        [replace("userName", "bob@corp.example")],
        [replace("displayName", "\x00")],
        [active(True), active(False)],
    ],
    ids=str,
)
def test_a_deactivation_stands_whatever_else_is_wrong_with_the_request(directory, alice, bob, hers, more):
    directory.tell_of("bob")
    directory.patch(f"Users/{hers}", *more, *([active("False")] if more[-1]["path"] != "active" else []))
    alice.refresh_from_db()
    assert (alice.is_active, alice.subject) == (False, "alice-subject")


def test_so_it_does_in_a_put(directory, alice, hers):
    answer = directory.put(f"Users/{hers}", externalId="erin-subject", userName="alice@corp.example", active=False)
    alice.refresh_from_db()
    assert (answer.status_code, answer.body["scimType"], alice.is_active, alice.subject) == (400, "mutability", False, "alice-subject")


@pytest.mark.parametrize("way", ["PATCH", "PUT", "DELETE"])
def test_cutting_off_somebody_whom_nobody_here_is_is_an_error_an_event_and_a_mail(directory, dave, way):
    bodies = {"PATCH": {"Operations": [OFF[0]]}, "PUT": {"active": False}, "DELETE": None}
    answer = directory.ask(way, "Users/u404404", bodies[way])
    event = AuditEvent.objects.get(verb="directory.unmatched")
    asked = "deleted" if way == "DELETE" else "deactivated"
    assert (answer.status_code, event.data["identifier"], event.data["asked"]) == (404, "u404404", asked)
    mail = Notice.objects.get(to=dave.email)
    assert mail.subject == "ALARM: somebody was to be cut off, and nobody matches"
    assert f"{asked} 'u404404'" in mail.text


def test_of_many_such_each_is_an_event_and_one_a_mail(directory, dave):
    for number in range(5):
        directory.patch(f"Users/u40440{number}", active(False))
    assert (AuditEvent.objects.filter(verb="directory.unmatched").count(), Notice.objects.count()) == (5, 1)


def test_looking_for_nobody_and_deleting_twice_raise_no_alarm(directory, dave, hers):
    directory.get("Users/u404404")
    directory.patch("Users/u404404", active(True))
    assert [directory.delete(f"Users/{hers}").status_code for _ in range(2)] == [204, 404]
    assert not AuditEvent.objects.filter(verb="directory.unmatched").exists()


def test_an_account_that_the_directory_never_told_of_is_none_of_its_own(directory, alice, dave):
    assert directory.patch(f"Users/u{alice.pk}", active(False)).status_code == 404
    alice.refresh_from_db()
    assert alice.is_active
    assert Notice.objects.filter(to=dave.email).count() == 1  # it may have been meant


def test_people_of_another_issuer_are_not_there(directory, settings, alice, hers):
    settings.OIDC_ISSUER = "https://another.example"
    assert directory.get(f"Users/{hers}").status_code == 404
    assert directory.tell_of("alice", userName="other") != hers


FOUND = [
    ('userName eq "alice@corp.example"', 1),
    ('username EQ "ALICE@corp.example"', 1),
    (f'{USER}:userName eq "alice@corp.example"', 1),
    ('externalId eq "alice-subject"', 1),
    ('externalId eq "ALICE-SUBJECT"', 0),
    ('userName eq "alice@corp.example" and externalId eq "alice-subject"', 1),
    ('userName eq "alice@corp.example" and externalId eq "erin-subject"', 0),
    ('userName eq "nobody"', 0),
    ('userName eq "al\\"ice"', 0),
    ('userName eq "%"', 0),
    ('id eq "u1"', 1),
    ('id eq "1"', 0),
]


@pytest.mark.parametrize(("asked", "count"), FOUND)
def test_filters_find_who_is_asked_for(directory, alice, erin, hers, asked, count):
    directory.tell_of("erin")
    found = directory.get("Users", filter=asked.replace('"u1"', f'"{hers}"')).body
    assert (found["totalResults"], [each["id"] for each in found["Resources"]]) == (count, [hers] * count)


@pytest.mark.parametrize(
    "asked",
    [
        *('userName co "a"', "userName eq alice", 'userName eq "a" or userName eq "b"', 'not (userName eq "a")', 'userName eq "a" and'),
        *(
            'password eq "x"',
            'user__password eq "x"',
            'userName eq "\\ud800"',
            'userName eq "a\\u0000"',
            "(",
            '"',
            "x" * 3000,
            "userName pr",
        ),
        *('userName eq "' + "a" * 2000 + '"', " and ".join(['id eq "u1"'] * 9), 'userName eq true"'),
    ],
)
def test_other_filters_are_refused(directory, asked):
    answer = directory.get("Users", filter=asked)
    assert (answer.status_code, answer.body["scimType"]) == (400, "invalidFilter")


def test_pages_have_all_in_one_order(directory):
    ids = [directory.tell_of(f"person{number}") for number in range(7)]
    pages = [directory.get("Users", startIndex=start, count=3).body for start in (1, 4, 7, 10)]
    assert [[each["id"] for each in page["Resources"]] for page in pages] == [ids[:3], ids[3:6], ids[6:], []]
    assert {page["totalResults"] for page in pages} == {7}
    assert [page["startIndex"] for page in pages] == [1, 4, 7, 10]


@pytest.mark.parametrize(("query", "count"), [({"count": 0}, 0), ({"count": -5}, 0), ({"count": 10**8}, 3), ({"startIndex": -3}, 3)])
def test_odd_pages_are_what_the_standard_says(directory, query, count):
    for name in ("a", "b", "c"):
        directory.tell_of(name)
    assert len(directory.get("Users", **query).body["Resources"]) == count


@pytest.mark.parametrize("query", [{"count": "x"}, {"startIndex": "9" * 30}, {"count": "1.5"}, {"startIndex": "\u0661"}, {"count": ""}])
def test_pages_that_are_no_numbers_are_refused(directory, query):
    assert directory.get("Users", **query).status_code == 400


def test_names_are_taken_over_and_what_is_not_kept_is_let_be(directory, alice, hers):
    department = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"
    directory.patch(
        f"Users/{hers}",
        {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "new@corp.example"},
        {"op": "replace", "value": {"displayName": "Alice B.", "name.givenName": "Kkom", department: "IT"}},
        {"op": "Add", "path": "nickName", "value": "Babs"},
        {"op": "remove", "path": "phoneNumbers"},
    )
    alice.refresh_from_db()
    assert (alice.name, alice.email, alice.subject) == ("Alice B.", "new@corp.example", "alice-subject")
    assert AuditEvent.objects.get(verb="user.described").data["changed"] == ["email", "name"]
    assert (
        directory.put(f"Users/{hers}", userName="a.b@corp.example", name={"givenName": "A", "familyName": "B"}).body["displayName"] == "A B"
    )


def test_a_name_that_somebody_has_is_not_given_twice(directory, alice, bob, hers):
    directory.tell_of("bob")
    assert directory.patch(f"Users/{hers}", replace("userName", "BOB@corp.example")).status_code == 409


def test_no_request_can_add_a_right(directory, alice, hers):
    more = {
        "roles": [{"value": "admin"}],
        "is_superuser": True,
        "is_staff": True,
        "groups": [{"value": "lychgate-admins"}],
        "password": "x",
    }
    directory.put(f"Users/{hers}", userName="alice@corp.example", active=True, **more)
    directory.patch(f"Users/{hers}", {"op": "add", "value": more})
    alice.refresh_from_db()
    assert (alice.is_staff, alice.is_superuser, alice.has_usable_password()) == (False, False, False)
    assert set(Membership.objects.values_list("group__name", flat=True)) == {"employees"}
