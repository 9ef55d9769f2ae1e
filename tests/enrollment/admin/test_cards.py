"""Lists on a phone: each value says which column it is of."""

import re

import pytest

CELL = re.compile(r'<t[dh] data-label="([^"]+)" class="field-')


@pytest.mark.parametrize("model", ["grant", "device", "accessrequest", "auditevent"])
def test_each_cell_of_a_list_carries_the_name_of_its_column(model, browse, dave, granted, url):
    page = browse(dave).get(url(f"{model}_changelist"), {"waiting": "all"} if model == "accessrequest" else {}).text
    head, body = page.split("<tbody>")[0], page.split("<tbody>")[1].split("</tr>")[0]
    columns = re.findall(r'<div class="text"><(?:a|span)[^>]*>([^<]+)<', head)
    assert columns
    assert CELL.findall(body) == columns
