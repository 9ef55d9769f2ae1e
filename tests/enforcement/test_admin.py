"""What machines wrote is there for auditors and admins to read, and for nobody to change."""

import pytest
from django.urls import reverse

from enforcement.models import Drift, Enforcement, PepStatus, Receipt

MODELS = ["drift", "enforcement", "pepstatus", "receipt"]


@pytest.fixture
def rows(grant_of_alice, laptop, pep, now):
    Enforcement.objects.create(grant=grant_of_alice, device=laptop, pep=pep, wanted_at=now)
    Drift.objects.create(pep=pep, at=now, kind="element added", words="<script>alert(1)</script>")
    PepStatus.objects.update_or_create(pep=pep, defaults={"busy_until": now, "due_at": now})
    known = {"outcome": "applied", "peers": 1, "admissions": 2, "took_ms": 1.5}
    Receipt.objects.create(pep=pep, generation=1, at=now, digest="sha256:1", wanted_digest="sha256:1", **known)


def page(name, verb="changelist", *args):
    return reverse(f"admin:enforcement_{name}_{verb}", args=args)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("person", ["carol", "dave"])
def test_auditors_and_admins_read_the_list(client, rows, request, name, person):
    client.force_login(request.getfixturevalue(person))
    answer = client.get(page(name))
    assert answer.status_code == 200
    assert b"<script>alert" not in answer.content


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("person", "status"), [("alice", 302), ("bob", 403), ("erin", 302)])
def test_nobody_else_does(client, rows, request, name, person, status):
    client.force_login(request.getfixturevalue(person))
    assert client.get(page(name)).status_code == status


@pytest.mark.parametrize("name", MODELS)
def test_not_even_an_admin_adds_changes_or_deletes(client, rows, dave, name):
    client.force_login(dave)
    model = {"drift": Drift, "enforcement": Enforcement, "pepstatus": PepStatus, "receipt": Receipt}[name]
    key, before = model.objects.get().pk, list(model.objects.values())
    statuses = [client.post(page(name, "change", key)), client.post(page(name, "delete", key)), client.post(page(name, "add"))]
    assert [answer.status_code for answer in statuses] == [403, 403, 403]
    assert list(model.objects.values()) == before
