"""A form that was refused says so above itself, leads to what is to be mended, and is read out first."""

import re

import pytest
from django.urls import reverse


@pytest.mark.parametrize(
    ("page", "sent", "fields"),
    [
        ("/devices/new/", {"name": "", "kind": "laptop", "way": "browser"}, ["id_name"]),
        ("/resources/fileshare/request/", {"duration": "3600", "reason": ""}, ["id_devices", "id_reason"]),
    ],
)
def test_it_leads_to_each_field_that_is_to_be_mended(page, sent, fields, client, alice, laptop, fileshare):
    client.force_login(alice)
    assert "autofocus" not in client.get(page).text
    answer = client.post(page, sent).text
    note = re.search(r'<div class="note bad" role="alert" tabindex="-1" autofocus>.*?</div>', answer, re.DOTALL)[0]
    for field in fields:
        assert f'href="#{field}_error"' in note
        assert f'id="{field}_error"' in answer
    assert "<title>Not done: " in answer


def test_what_is_about_no_field_is_said_there_too(client, alice, laptop, fileshare):
    client.force_login(alice)
    page = reverse("request-new", args=["fileshare"])
    sent = {"duration": "3600", "reason": "the figures", "devices": laptop.pk, "begins": "now"}
    assert client.post(page, sent).status_code == 302
    again = client.post(page, sent).text
    assert "autofocus" in again
    assert "The request was not sent:" in again
