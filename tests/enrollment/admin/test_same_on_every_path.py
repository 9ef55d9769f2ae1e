"""Who may answer, and who may end, is one question with one answer: in the verb, on the button's page, and among many.

Every person tries every request and every grant on every path; what the rules say of them is what happens.
"""

import pytest
from django.db import transaction

from enrollment import facts, lifecycle, policy
from enrollment.lifecycle import Conflict, Refused
from enrollment.models import AccessRequest, Grant, User
from tests import factories

PATHS = ("verb", "button", "bulk")


@pytest.fixture
def people(request, own, printers, now):
    """Beside the usual ones: frank answers for printers, gina as bob, heidi in bob's stead."""
    found = {name: request.getfixturevalue(name) for name in ("alice", "bob", "carol", "dave", "erin", "frank")}
    found["gina"] = User.objects.get(subject="gina-subject")  # comes with what bob asks himself
    found["heidi"] = factories.a_person("heidi", now=now)
    until = factories.later(3600, since=now)
    lifecycle.delegate(found["bob"], delegate=found["heidi"], starts_at=now, ends_at=until, reason="away", now=now)
    return {name: User.objects.get(pk=person.pk) for name, person in found.items()}


@pytest.fixture
def requests(people, asked, foreign, own):
    return {"alice's, for bob's group": asked, "alice's, for frank's": foreign, "bob's own": own}


@pytest.fixture
def grants(people, requests, now):
    """What each of them became."""
    reviewers = {"alice's, for bob's group": "gina", "alice's, for frank's": "frank", "bob's own": "gina"}
    return {what: lifecycle.approve(asked, reviewer=people[reviewers[what]], now=now) for what, asked in requests.items()}


@pytest.fixture
def clients(people, browse):
    return {name: browse(person) for name, person in people.items()}


def by_verb(verb, row, actor, now):
    words = {"approve": {}, "deny": {"comment": "no"}, "revoke": {"reason": "no"}}[verb]
    who = "actor" if verb == "revoke" else "reviewer"
    try:
        getattr(lifecycle, verb)(row, now=now, **{who: actor}, **words)
    except (Refused, Conflict):
        return


def tried(path, verb, row, actor, now, client, url):
    """Try it, look whether it happened, and put everything back."""
    model = "grant" if verb == "revoke" else "accessrequest"
    fields = {"reason": "no"} if verb == "revoke" else {"at_most": "", "comment": "no"}
    with transaction.atomic():
        before = type(row).objects.get(pk=row.pk).state
        if path == "verb":
            by_verb(verb, row, actor, now)
        elif path == "button":
            client.post(url(f"{model}_{verb}", row.pk), fields)
        else:
            client.post(url(f"{model}_{verb}_many"), {"ids": row.pk, **fields})
        happened = type(row).objects.get(pk=row.pk).state != before
        transaction.set_rollback(True)
    return happened


@pytest.mark.parametrize(("verb", "path"), [*(("approve", path) for path in PATHS), ("deny", "bulk")])
def test_who_may_answer_is_the_same_on_every_path(path, verb, people, requests, now, clients, url):
    for what in requests:
        asked = AccessRequest.objects.get(pk=requests[what].pk)
        for name, actor in people.items():
            may = not policy.may_review(facts.reviewing(actor, asked, now))
            assert tried(path, verb, asked, actor, now, clients[name], url) == may, (name, what)


@pytest.mark.parametrize("path", PATHS)
def test_who_may_end_access_is_the_same_on_every_path(path, people, grants, now, clients, url):
    for what in grants:
        grant = Grant.objects.get(pk=grants[what].pk)
        for name, actor in people.items():
            opens = path == "verb" or facts.opens_admin(actor, now)  # others end what is theirs on their own page
            may = facts.may_revoke(actor, grant, now) and opens
            assert tried(path, "revoke", grant, actor, now, clients[name], url) == may, (name, what)


def test_both_answers_are_given_by_somebody(people, requests, now):
    may = {
        name for name, actor in people.items() for asked in requests.values() if not policy.may_review(facts.reviewing(actor, asked, now))
    }
    assert may == {"bob", "frank", "gina", "heidi"}
