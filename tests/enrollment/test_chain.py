"""An exported log can be checked on any machine, by anybody, against whatever else was kept."""

import json
import logging
import logging.config
import socket
from io import StringIO

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import CommandError

from enrollment import audit, exports
from enrollment.models import AuditEvent
from portal.syslog import logging_to
from tests.factories import a_grant, a_pep

PREFIX = "Mar  2 09:00:00 portal lychgate.audit: "


@pytest.fixture
def export(alice, bob, fileshare, laptop, tmp_path):
    """Return the path of an export with a story in it, and the log's last number and seal."""
    a_grant(alice, fileshare, [laptop], reviewer=bob)
    path = tmp_path / "export.jsonl"
    path.write_text(exported())
    return path


def exported(since=1):
    rows = map(exports.EVENTS.row, AuditEvent.objects.filter(seq__gte=since).order_by("seq"))
    return "".join(exports.written(rows, exports.EVENTS.columns, "jsonl"))


def verified(path, *arguments):
    out = StringIO()
    call_command("audit", "verify", "--file", str(path), *arguments, stdout=out)
    return out.getvalue()


def changed(path, number, **values):
    """Change one line of an export."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[number - 1] |= values
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_a_whole_export_holds_without_any_database(export, django_db_blocker):
    seq, _seal = audit.end()
    with django_db_blocker.block():
        assert verified(export) == f"The chain holds: {seq} events, 0 witnesses.\n"


def test_the_seal_is_the_one_that_the_documentation_describes(export):
    """docs/running.md tells an auditor how to check a line with a few lines of Python; this is them."""
    import hashlib  # noqa: PLC0415 - as it stands there

    event = json.loads(export.read_text().splitlines()[-1])
    seal = event.pop("hash")
    assert hashlib.sha256(json.dumps(event, sort_keys=True, separators=(",", ":")).encode()).hexdigest() == seal


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"actor": "Erin"}, "Event 3 was changed after it was written"),
        ({"data": {"n": 1.5}}, "Event 3 was changed after it was written"),
        ({"previous": "0" * 64}, "Event 3 does not follow the event before it"),
        ({"hash": "0" * 64}, "Event 4 does not follow the event before it"),
        ({"seq": 2}, "Event 2 stands after event 2"),
        ({"seq": 5}, "Events 3 to 4 are missing"),
    ],
)
def test_what_was_done_to_it_is_named(export, values, problem):
    changed(export, 3, **values)
    with pytest.raises(CommandError, match=problem):
        verified(export)


def test_a_line_that_was_taken_out_is_missed(export):
    lines = export.read_text().splitlines(keepends=True)
    export.write_text("".join(lines[:2] + lines[3:]))
    with pytest.raises(CommandError, match="Events 3 to 3 are missing"):
        verified(export)


def test_an_export_of_the_end_is_judged_from_where_it_begins(export):
    export.write_text(exported(since=3))
    assert verified(export).startswith("The chain holds from event 3 on")
    changed(export, 1, actor="Erin")
    with pytest.raises(CommandError, match="Event 3 was changed"):
        verified(export)


def test_a_first_event_that_follows_something_is_no_first_event(export):
    changed(export, 1, previous="1" * 64)
    with pytest.raises(CommandError, match="Event 1 does not follow"):
        verified(export)


@pytest.mark.parametrize("text", ["", "[]\n", "{}\n", "lorem\n", '{"seq": NaN}\n', '{"seq": 1, "seq": 2}\n', "[" * 100_000])
def test_what_is_no_export_is_refused_with_the_line(export, text):
    if text:
        with export.open("a") as stream:
            stream.write(text)
        with pytest.raises(CommandError, match=r"Line \d+ is n"):
            verified(export)
    with pytest.raises(CommandError, match="cannot be read"):
        verified(export.parent / "nowhere")


def test_a_system_log_is_a_list_of_witnesses(export, tmp_path):
    seq, seal = audit.end()
    logs = tmp_path / "messages"
    logs.write_text(f"{PREFIX}{seq} {seal} grant.made grant 1\n{PREFIX}something else\n")
    assert "1 witnesses" in verified(export, "--witness-file", str(logs))
    logs.write_text(f"{PREFIX}{seq} {'f' * 64} grant.made grant 1\n")
    with pytest.raises(CommandError, match=f"Event {seq} is not the one that messages saw"):
        verified(export, "--witness-file", str(logs))


def test_what_a_pep_keeps_is_a_list_of_witnesses_too(export, tmp_path):
    seq, seal = audit.end()
    kept = tmp_path / "witnesses.log"
    kept.write_text(f"1767225600.000 2:{'f' * 64} but {seq}:{seal}\n")
    with pytest.raises(CommandError, match=r"\AEvent 2 is not the one that witnesses.log saw.\Z"):
        verified(export, "--witness-file", str(kept))


def test_a_list_without_any_witness_proves_nothing(export, tmp_path):
    (tmp_path / "empty").write_text("nothing to see\n")
    with pytest.raises(CommandError, match="There is no witness in"):
        verified(export, "--witness-file", str(tmp_path / "empty"))


@pytest.mark.parametrize("text", ["3", "3:xyz", "x:" + "a" * 64, "3:" + "a" * 63, "3:" + "A" * 64, "9" * 400 + ":" + "a" * 64])
def test_a_witness_that_is_none_is_refused(export, text):
    with pytest.raises(CommandError, match="Write a witness as SEQ:HASH"):
        verified(export, "--witness", text)


def test_much_that_is_missing_is_named_in_few_words(export):
    seq, _seal = audit.end()
    told = [each for number in range(seq + 1, seq + 100) for each in ("--witness", f"{number}:{'a' * 64}")]
    with pytest.raises(CommandError) as failed:
        verified(export, *told)
    lines = str(failed.value).splitlines()
    assert (len(lines), lines[-1]) == (6, f"So are 94 more that were seen, event {seq + 1} the first of them.")


@pytest.fixture
def syslog(tmp_path):
    """A system log's socket, with the portal's logging led to it as LYCHGATE_SYSLOG does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "log"))
        receiver.settimeout(2)
        logging.config.dictConfig(logging_to(str(tmp_path / "log")))
        yield receiver
    for handler in list(audit.log.handlers):
        audit.log.removeHandler(handler)
        handler.close()


def test_each_event_is_a_line_in_the_system_log_once_it_is_committed(syslog, db, now, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        event = audit.append("odd", actor=None, subject=a_pep(), data={"reason": "secret\n"}, now=now)
    lines = [syslog.recv(1000).decode() for _ in range(event.seq)]
    assert lines[-1].rstrip("\0").partition("lychgate.audit: ")[2] == f"{event.seq} {event.hash} odd pep {event.subject_id}"


def test_an_event_that_was_rolled_back_is_in_no_system_log(syslog, db, now, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks() as waiting:
        audit.append("odd", actor=None, subject=a_pep(), data={}, now=now)
    assert waiting  # it hangs on the commit, which never came
    syslog.setblocking(False)
    with pytest.raises(BlockingIOError):
        syslog.recv(1000)


@pytest.mark.parametrize("address", ["dev/log", "localhost", "localhost:", "host:port", "a b:514"])
def test_an_address_that_is_none_stops_the_start(address):
    with pytest.raises(ImproperlyConfigured, match="LYCHGATE_SYSLOG must be"):
        logging_to(address)


@pytest.mark.parametrize(("address", "expected"), [("192.0.2.7:514", ("192.0.2.7", 514)), ("[2001:db8::1]:514", ("2001:db8::1", 514))])
def test_it_may_be_another_machine(address, expected):
    assert logging_to(address)["handlers"]["syslog"]["address"] == expected
