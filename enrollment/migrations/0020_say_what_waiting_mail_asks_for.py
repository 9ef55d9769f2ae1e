"""Mail that was written before says by its thread alone which request it asks about."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def name_requests(apps: StateApps, _editor: BaseDatabaseSchemaEditor) -> None:
    notices, items, requests = (apps.get_model("enrollment", name) for name in ("Notice", "NoticeItem", "AccessRequest"))
    asks = notices.objects.filter(event__in=["request.waits", "request.reminded"], is_for_chat=False, thread__startswith="request-")
    of = {pk: int(thread.removeprefix("request-")) for pk, thread in asks.values_list("pk", "thread")}
    names = dict(requests.objects.filter(pk__in=set(of.values()), state="pending").values_list("pk", "resource__name"))
    items.objects.bulk_create(
        items(notice_id=pk, request_id=request, name=names[request], link=f"/admin/enrollment/accessrequest/{request}/change/")
        for pk, request in of.items()
        if request in names
    )


class Migration(migrations.Migration):
    dependencies = [("enrollment", "0019_ask_for_a_bundle_by_one_mail")]

    operations = [migrations.RunPython(name_requests, migrations.RunPython.noop)]
