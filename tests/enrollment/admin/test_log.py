"""The audit log in the admin: read, never written; verified on demand."""

from django.db import connection

from enrollment.models import AuditEvent, AuditHead


def test_an_auditor_reads_and_searches(browse, carol, asked, url, words):
    client = browse(carol)
    assert "request.made" in words(client.get(url("auditevent_changelist"), {"q": "Alice"}))
    event = AuditEvent.objects.get(verb="request.made")
    assert "quarterly report" in words(client.get(url("auditevent_change", event.pk)))


def test_a_sound_chain_says_up_to_where(browse, carol, asked, url, words):
    seq = AuditHead.objects.get().seq
    assert f"Verified up to event {seq}:" in words(browse(carol).post(url("auditevent_verify")))


def test_a_changed_event_is_named(browse, carol, asked, url, words):
    with connection.cursor() as cursor:
        cursor.execute(
            "DROP TRIGGER IF EXISTS audit_no_update" + (" ON enrollment_auditevent" if connection.vendor == "postgresql" else "")
        )
    AuditEvent.objects.filter(verb="request.made").update(actor="Erin")
    page = words(browse(carol).post(url("auditevent_verify")))
    assert "was changed after it was written." in page
    assert "Verified up to" not in page


def test_looking_at_the_page_verifies_nothing_yet(browse, carol, asked, url, words):
    assert "Verify now" in browse(carol).get(url("auditevent_verify")).content.decode()


def test_an_approver_does_not_read_the_log(browse, bob, asked, url):
    assert browse(bob).get(url("auditevent_verify")).status_code == 403
