-- Two roles for the portal on PostgreSQL: the owner migrates, the app runs. Whoever owns a table can switch its triggers off,
-- so the processes that people and networks reach must not. Run as the owner, after every `manage.py migrate`:
--   psql --set app=lychgate_app --file deploy/postgresql-app-role.sql
GRANT USAGE ON SCHEMA public TO :"app";
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO :"app";
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO :"app";
-- history is added to, and the owner alone migrates
REVOKE UPDATE, DELETE ON enrollment_auditevent FROM :"app";
REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM :"app";
