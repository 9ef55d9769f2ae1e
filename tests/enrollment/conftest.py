"""What the tests of pages share, those of the admin too."""

import pytest
from django.test import Client


@pytest.fixture
def browse():
    """A client for somebody: `browse(bob)`."""

    def signed_in(user):
        client = Client()
        client.force_login(user)
        return client

    return signed_in


@pytest.fixture
def as_alice(client, alice):
    client.force_login(alice)
    return client


@pytest.fixture
def as_erin(client, erin):
    client.force_login(erin)
    return client
