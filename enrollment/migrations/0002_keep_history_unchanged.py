"""Triggers on both engines: the audit log only grows at its end, and a review names its request's requester.

On SQLite, `INSERT OR REPLACE` passes update and delete triggers by: the insert trigger
stops it. On PostgreSQL, TRUNCATE is seen by a statement trigger only.
A later migration that changes one of these tables on SQLite makes the table anew, and
must end with `protect` again.
"""

from __future__ import annotations

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

ZERO = "0" * 64
SQLITE = (
    f"""
    CREATE TRIGGER audit_append BEFORE INSERT ON enrollment_auditevent
    WHEN NEW.seq IS NOT (SELECT COALESCE(MAX(seq), 0) + 1 FROM enrollment_auditevent)
      OR NEW.previous IS NOT COALESCE((SELECT hash FROM enrollment_auditevent ORDER BY seq DESC LIMIT 1), '{ZERO}')
      OR EXISTS (SELECT 1 FROM enrollment_auditevent WHERE hash = NEW.hash)
    BEGIN SELECT RAISE(ABORT, 'the audit log only grows at its end'); END
    """,  # noqa: S608 - a constant of ours
    """
    CREATE TRIGGER audit_no_update BEFORE UPDATE ON enrollment_auditevent
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END
    """,
    """
    CREATE TRIGGER audit_no_delete BEFORE DELETE ON enrollment_auditevent
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END
    """,
    *(
        f"""
    CREATE TRIGGER {name} BEFORE {event} ON enrollment_review
    WHEN NEW.requester_id IS NOT (SELECT requester_id FROM enrollment_accessrequest WHERE id = NEW.request_id)
    BEGIN SELECT RAISE(ABORT, 'a review names the requester of its request'); END
    """  # noqa: S608
        for name, event in (("review_of_the_request", "INSERT"), ("review_of_the_request_still", "UPDATE"))
    ),
)
POSTGRESQL = (
    """
    CREATE FUNCTION lychgate_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$
    """,
    f"""
    CREATE FUNCTION lychgate_audit_append() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE last record;
    BEGIN
        SELECT seq, hash INTO last FROM enrollment_auditevent ORDER BY seq DESC LIMIT 1;
        IF NEW.seq IS DISTINCT FROM COALESCE(last.seq, 0) + 1 OR NEW.previous IS DISTINCT FROM COALESCE(last.hash, '{ZERO}') THEN
            RAISE EXCEPTION 'the audit log only grows at its end' USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$
    """,  # noqa: S608
    """
    CREATE FUNCTION lychgate_review_of_the_request() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.requester_id IS DISTINCT FROM (SELECT requester_id FROM enrollment_accessrequest WHERE id = NEW.request_id) THEN
            RAISE EXCEPTION 'a review names the requester of its request' USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    "CREATE TRIGGER audit_append BEFORE INSERT ON enrollment_auditevent FOR EACH ROW EXECUTE FUNCTION lychgate_audit_append()",
    "CREATE TRIGGER audit_no_update BEFORE UPDATE ON enrollment_auditevent FOR EACH ROW EXECUTE FUNCTION lychgate_audit_refuse()",
    "CREATE TRIGGER audit_no_delete BEFORE DELETE ON enrollment_auditevent FOR EACH ROW EXECUTE FUNCTION lychgate_audit_refuse()",
    "CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON enrollment_auditevent FOR EACH STATEMENT EXECUTE FUNCTION lychgate_audit_refuse()",
    "CREATE TRIGGER review_of_the_request BEFORE INSERT OR UPDATE ON enrollment_review FOR EACH ROW EXECUTE FUNCTION lychgate_review_of_the_request()",
)
SQLITE_UNDO = tuple(
    f"DROP TRIGGER IF EXISTS {name}"
    for name in ("audit_append", "audit_no_update", "audit_no_delete", "review_of_the_request", "review_of_the_request_still")
)
POSTGRESQL_UNDO = tuple(
    f"DROP FUNCTION IF EXISTS {name}() CASCADE"
    for name in ("lychgate_audit_refuse", "lychgate_audit_append", "lychgate_review_of_the_request")
)


def protect(connection: BaseDatabaseWrapper) -> None:
    """Put the triggers in place, anew where they were."""
    lift(connection)
    with connection.cursor() as cursor:
        for statement in POSTGRESQL if connection.vendor == "postgresql" else SQLITE:
            cursor.execute(statement)


def lift(connection: BaseDatabaseWrapper) -> None:
    """Take them away; for tests, which empty tables."""
    with connection.cursor() as cursor:
        for statement in POSTGRESQL_UNDO if connection.vendor == "postgresql" else SQLITE_UNDO:
            cursor.execute(statement)


def forwards(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    protect(schema_editor.connection)


def backwards(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    lift(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("enrollment", "0001_initial")]
    operations = [migrations.RunPython(forwards, backwards)]
