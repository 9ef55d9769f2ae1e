"""Who may speak SCIM: whoever holds the token, and nobody without it; and what is no SCIM gets an answer in SCIM's words."""

import json

import pytest
from django.test import Client

from enrollment.models import AuditEvent, User
from tests.portal.scim import TOKEN, Directory, active

PATHS = ["ServiceProviderConfig", "ResourceTypes", "Schemas", "Users", "Users/u1", "Groups", "Groups/g1"]
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
WRONG = [None, "", "x", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "\u00e9" * 40]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", METHODS)
def test_without_a_token_there_is_no_such_address(db, settings, path, method):
    settings.SCIM_TOKEN = ""
    answers = [Directory(Client(), token).ask(method, path) for token in (None, "", "anything")]
    assert [answer.status_code for answer in answers] == [404] * 3


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("token", WRONG, ids=repr)
def test_another_token_opens_nothing(directory, path, token):
    directory.token = token
    answers = [directory.ask(method, path, {}) for method in METHODS]
    assert {(answer.status_code, answer["WWW-Authenticate"]) for answer in answers} == {(401, 'Bearer realm="SCIM"')}
    assert {answer.body["detail"] for answer in answers} == {"Send the token that this portal was given: Authorization: Bearer ..."}


def test_a_session_is_no_token(directory, dave):
    directory.client.force_login(dave)
    directory.token = None
    assert directory.get("Users").status_code == 401


def test_no_answer_sets_a_cookie_or_opens_a_session(directory, alice):
    answers = [directory.get("Users"), directory.patch(f"Users/{directory.tell_of('alice')}", active("False")), directory.get("Nothing")]
    assert [answer.status_code for answer in answers] == [200, 200, 404]
    assert [dict(answer.cookies) for answer in answers] == [{}] * 3


def test_every_answer_is_scim_and_kept_by_no_cache(directory):
    for path in ("ServiceProviderConfig", "Users", "Users/u1"):
        answer = directory.get(path)
        assert (answer["Content-Type"], "no-store" in answer["Cache-Control"]) == ("application/scim+json", True)


BODIES = [
    *(b"", b"{", b"[]", b'"x"', b"null", b"\xff\xfe", b"[" * 100_000, b'{"Operations": ' + b"[" * 100_000, b'{"active": NaN'),
    *(b'{"Operations": []}', b'{"Operations": {}}', b'{"Operations": [1]}', b'{"Operations": [{"op": "move"}]}'),
    *(
        b'{"Operations": [{"op": "remove"}]}',
        b'{"Operations": [{"op": "replace", "path": 7}]}',
        b'{"Operations": [{"op": "add", "value": 1}]}',
    ),
    *(b'{"Operations": [{"op": "replace", "path": "active", "value": "maybe"}]}', b'{"Operations": [{"op": "remove", "path": "active"}]}'),
    *(b'{"Operations": [{"op": "replace", "path": "active", "value": %s}]}' % value for value in (b"0", b"1", b"null", b"[]", b"{}")),
    b'{"Operations": [{"op": "replace", "path": "userName", "value": "a\\u0000b"}]}',
    b'{"Operations": [{"op": "replace", "path": "displayName", "value": "\\ud800"}]}',
    b'{"Operations": [{"op": "replace", "path": "userName", "value": ' + b"9" * 5000 + b"}]}",
]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body[:60]))
def test_what_is_no_request_is_a_400_with_words_and_changes_nothing(directory, alice, body):
    own = directory.tell_of("alice")
    before = User.objects.values().get(pk=alice.pk), AuditEvent.objects.count()
    answer = directory.ask("PATCH", f"Users/{own}", body)
    assert (answer.status_code, answer.body["schemas"]) == (400, ["urn:ietf:params:scim:api:messages:2.0:Error"])
    assert answer.body["status"] == "400"
    assert answer.body["detail"]
    assert (User.objects.values().get(pk=alice.pk), AuditEvent.objects.count()) == before


@pytest.mark.parametrize("size", [2**20 + 1, 4 * 2**20])
def test_what_is_too_large_is_not_read(directory, size):
    assert directory.ask("POST", "Users", b" " * size).status_code == 413


@pytest.mark.parametrize(
    "identifier", ["u0", "7", "g1", "u", "u-1", "u1x", "u\u0661", "u" + "9" * 18, "u" + "9" * 40, "%00", "me", "u1%00"]
)
@pytest.mark.parametrize("kind", ["Users", "Groups"])
def test_what_is_no_id_answers_as_one_that_nobody_has(directory, alice, kind, identifier):
    directory.tell_of("alice")
    answers = [directory.ask(method, f"{kind}/{identifier}", {"Operations": [active(True)]}) for method in ("GET", "PUT", "PATCH")]
    unknown = directory.get(f"{kind}/u999999")
    assert {(answer.status_code, answer.content) for answer in answers} == {(404, unknown.content)}


def test_what_cannot_be_done_is_a_405_that_says_what_can(directory):
    answer = directory.ask("DELETE", "Users")
    assert (answer.status_code, answer["Allow"], answer.body["status"]) == (405, "GET, POST", "405")


@pytest.mark.parametrize("path", ["ServiceProviderConfig", "ResourceTypes/User", "Schemas/urn:ietf:params:scim:schemas:core:2.0:Group"])
def test_it_says_what_it_can_do(directory, path):
    found = directory.get(path)
    assert (found.status_code, found.body["meta"]["location"].partition("/scim/v2/")[2]) == (200, path)


def test_it_says_that_it_patches_and_filters_and_no_more(directory):
    found = directory.get("ServiceProviderConfig").body
    assert {name for name in ("patch", "bulk", "filter", "sort", "etag", "changePassword") if found[name]["supported"]} == {
        "patch",
        "filter",
    }


@pytest.mark.parametrize("path", ["ResourceTypes", "Schemas"])
def test_lists_of_what_there_is_name_people_and_groups(directory, path):
    found = directory.get(path).body
    assert (found["totalResults"], [each["name"] for each in found["Resources"]]) == (2, ["User", "Group"])
    assert [directory.get(f"{path}/{each['id']}").body for each in found["Resources"]] == found["Resources"]
    assert directory.get(f"{path}/Nothing").status_code == 404


def test_nothing_of_the_token_is_logged(directory, caplog):
    directory.token = "a guess of somebody"
    directory.get("Users")
    assert "no token, or another one" in caplog.text
    assert "guess" not in caplog.text
    assert TOKEN not in json.dumps(caplog.messages)
