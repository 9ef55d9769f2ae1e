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


@pytest.mark.parametrize("model", ["grant", "device", "accessrequest", "auditevent", "pep"])
def test_what_folds_out_above_a_list_sorts_and_filters_as_its_head_and_its_side_do(model, browse, dave, granted, url):
    page = browse(dave).get(url(f"{model}_changelist"), {"waiting": "all"} if model == "accessrequest" else {}).text
    fold, rest = re.split(r"</details>", page.split('<details class="list-tools">')[1], maxsplit=1)
    heads = re.findall(r'<div class="text"><a href="([^"]+)"', rest.split("<tbody>")[0])
    sides = re.findall(r'<a href="([^"]+)"', rest.partition('<nav id="changelist-filter"')[2].partition("</nav>")[0])
    assert heads
    assert re.findall(r'<a href="([^"]+)"', fold) == [*sides, *heads]
