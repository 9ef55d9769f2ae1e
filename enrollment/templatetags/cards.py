"""Lists of the admin that stay readable on a phone: each cell carries the name of its column, and filters and sorting fold out above.

Where a row is a card, the style sheet writes that name before the value. Django has no way
to give a cell an attribute, so it is added to the cells once Django has made them.
"""

from __future__ import annotations

import re
from typing import Any

from django import template
from django.contrib.admin.templatetags.admin_list import result_headers
from django.contrib.admin.utils import label_for_field
from django.contrib.admin.views.main import ChangeList
from django.template.base import NodeList, Parser, Token
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst

register = template.Library()

CELL = re.compile(r'<t[dh](?= class="field-(\w+)[" ])')  # nothing that people typed can look like it: there < is &lt;


class CardsNode(template.Node):
    """What stands between `{% cards cl %}` and `{% endcards %}`, with a label in each cell of the list."""

    def __init__(self, changelist: template.Variable, nodes: NodeList) -> None:
        self.changelist, self.nodes = changelist, nodes

    def render(self, context: template.Context) -> SafeString:
        labels = _labels(self.changelist.resolve(context))
        rendered = CELL.sub(lambda cell: cell[0] + labels.get(cell[1], ""), self.nodes.render(context))
        return mark_safe(rendered)  # noqa: S308 - Django's own, and attributes that format_html wrote


@register.tag
def cards(parser: Parser, token: Token) -> CardsNode:
    """Take the list whose columns the cells belong to."""
    _name, changelist = token.split_contents()
    nodes = parser.parse(("endcards",))
    parser.delete_first_token()
    return CardsNode(template.Variable(changelist), nodes)


@register.inclusion_tag("admin/enrollment/_list_tools.html")
def list_tools(changelist: ChangeList) -> dict[str, Any]:
    """Offer the filters of a list, and the columns that it can be sorted by. The summary names what is chosen."""
    specs = changelist.filter_specs
    filters: list[dict[str, Any]] = [{"title": each.title, "choices": list(each.choices(changelist)), "spec": each} for each in specs]
    return {
        "filters": filters,
        "chosen": [choice["display"] for each in filters for choice in each["choices"][1:] if choice["selected"]],
        "clear": changelist.clear_all_filters_qs if changelist.has_active_filters else "",
        "columns": [header for header in result_headers(changelist) if header["sortable"]],
    }


def _labels(changelist: ChangeList) -> dict[str, str]:
    columns: list[Any] = list(changelist.list_display)
    rows = changelist.model_admin
    return {
        getattr(column, "__name__", column): format_html(' data-label="{}"', capfirst(str(label_for_field(column, changelist.model, rows))))
        for column in columns
    }
