"""A queue for the admin: bob answers for fileshare, frank for printers, and nobody for the other's.

Pages read the real clock, so everything here happens now, not at the factories' moment.
"""

import re

import pytest
from django.apps import apps
from django.urls import reverse
from django.utils import timezone

from enrollment import lifecycle
from tests import factories


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture
def frank(db):
    """An approver of another group."""
    return factories.a_person("frank", groups=["employees", "printer-approvers"])


@pytest.fixture
def printers(pep, frank):
    policy = factories.a_policy("printers", stages=[("printer-approvers", 1)])
    return factories.a_resource("printers", pep=pep, policy=policy, number=20)


@pytest.fixture
def asked(alice, laptop, fileshare, now):
    """What alice asks of bob."""
    return factories.a_request(alice, fileshare, [laptop], now=now, reason="quarterly report")


@pytest.fixture
def foreign(alice, laptop, printers, now):
    """What alice asks of frank."""
    return factories.a_request(alice, printers, [laptop], now=now)


@pytest.fixture
def own(bob, fileshare, now):
    """What bob asks himself, of the group he is in: gina could answer."""
    factories.a_person("gina", groups=["employees", factories.APPROVERS])
    return factories.a_request(bob, fileshare, [factories.a_device(bob, "bobs")], now=now)


@pytest.fixture
def granted(asked, bob, now):
    return lifecycle.approve(asked, reviewer=bob, now=now)


@pytest.fixture
def url():
    """An address of the admin: `url("grant_revoke", 3)`."""
    return lambda name, *args: reverse(f"admin:enrollment_{name}", args=args)


@pytest.fixture
def words():
    """What a page says, without its markup and with its blanks tidied."""
    return lambda response: re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


@pytest.fixture
def told():
    """What the messages of a response say."""
    return lambda response: [str(message) for message in response.context["messages"]]


@pytest.fixture
def act(url):
    """Choose rows in a list and an action, as the list's form does."""

    def post(client, model, action, *rows):
        chosen = {"action": action, "_selected_action": [row.pk for row in rows]}
        everyone = {"accessrequest": "?waiting=all", "grant": "?standing=all"}.get(model, "")
        return client.post(url(f"{model}_changelist") + everyone, chosen)

    return post


@pytest.fixture
def everything():
    """All rows of all tables that people write, to compare before and after."""

    def read():
        ours = [model for model in apps.get_models() if model._meta.app_label in {"enrollment", "enforcement", "auth"}]
        through = [field.remote_field.through for model in ours for field in model._meta.many_to_many]
        return {model._meta.label: sorted(map(repr, model.objects.values_list())) for model in {*ours, *through}}

    return read
