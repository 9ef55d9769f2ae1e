"""The PEP as a witness: it keeps where the portal's audit log ended, and says so when that becomes another."""

import json

import pytest

from enforcement.pep import witnesses
from tests.enforcement.pep.agents import ALICE, EMPTY, FILESHARE, check_in_force, state

ONE, TWO, OTHER = "1" * 64, "2" * 64, "f" * 64
DAY = 86400
MIDNIGHT = 1767225600.0  # 2026-01-01


@pytest.fixture
def kept(tmp_path):
    """Return a function that tells the PEP's file of an end of the log, and the directory it is in."""
    return lambda seq, seal, at=MIDNIGHT: witnesses.keep(tmp_path, (seq, seal), at)


def told(directory):
    return [(seq, seal) for _at, seq, seal in witnesses.tell(directory)]


@pytest.mark.lab
class TestOnAPep:
    """The same, by the shipped agent."""

    def test_it_tells_the_ends_that_it_was_shown(self, agent):
        agent.apply(EMPTY, witness=[1, ONE])
        agent.apply(EMPTY, witness=[2, TWO])
        assert agent.witnesses() == [(1, ONE), (2, TWO)]

    def test_they_outlive_the_stream_and_a_restart_of_the_kernel(self, make_agent, machine):
        make_agent().apply(EMPTY, witness=[1, ONE])
        machine.clean()
        assert make_agent().witnesses() == [(1, ONE)]

    def test_a_log_that_grows_while_nothing_else_does_is_no_other_document(self, agent):
        wanted = state({ALICE: [FILESHARE]})
        agent.apply(wanted, witness=[1, ONE])
        receipt = agent.again(wanted, witness=[2, TWO])
        check_in_force(receipt, wanted)
        assert (receipt["outcome"], agent.witnesses()) == ("unchanged", [(1, ONE), (2, TWO)])

    def test_an_older_portal_sends_none(self, agent):
        wanted = state({ALICE: [FILESHARE]})
        check_in_force(agent.apply(wanted), wanted)
        assert agent.witnesses() == []

    @pytest.mark.parametrize("ends", [[24, TWO], [25, TWO], [0, "0" * 64]], ids=["shorter", "another", "empty"])
    def test_a_log_that_became_shorter_or_another_raises_the_alarm_and_holds_nothing_back(self, agent, machine, ends):
        agent.apply(EMPTY, witness=[25, ONE])
        receipt = agent.apply(state({ALICE: [FILESHARE]}), witness=ends)
        assert receipt["why"][0].startswith(f"alarm: the audit log once reached event 25, sealed {ONE}, ")
        assert (receipt["outcome"], list(machine.elements())) == ("applied", [ALICE[0]])
        journal = (agent.directory / "state" / "journal.jsonl").read_text().splitlines()
        assert [line["ends"] for line in map(json.loads, journal) if "alarm" in line["change"]] == [ends]

    def test_the_alarm_lasts_until_the_log_is_past_what_was_seen(self, agent):
        agent.apply(EMPTY, witness=[25, ONE])
        alarms = [len(agent.apply(EMPTY, witness=[seq, TWO])["why"]) for seq in (24, 24, 25, 26, 27)]
        assert alarms == [1, 1, 1, 0, 0]

    def test_a_document_that_comes_late_says_nothing_about_the_log_of_now(self, agent):
        agent.apply(EMPTY, generation=5, witness=[25, ONE])
        late = agent.apply(EMPTY, generation=4, witness=[24, TWO])
        stale = agent.apply(EMPTY, generation=6, nonce="", witness=[99, TWO])
        assert not [why for why in late["why"] + stale["why"] if "alarm" in why]
        assert agent.witnesses() == [(25, ONE)]


def test_a_pass_that_brings_no_news_writes_nothing(kept, tmp_path):
    kept(1, ONE)
    before = (tmp_path / witnesses.FILE).stat()
    assert kept(1, ONE) == (None, False)
    after = (tmp_path / witnesses.FILE).stat()
    assert (after.st_mtime_ns, after.st_size) == (before.st_mtime_ns, before.st_size)


def test_a_log_without_events_is_nothing_to_keep(kept, tmp_path):
    assert kept(0, "0" * 64) == (None, False)
    assert not (tmp_path / witnesses.FILE).exists()


def test_what_was_seen_last_before_the_alarm_is_known_however_much_follows(kept):
    kept(500, ONE)
    assert {kept(seq, TWO) for seq in range(1, 200)} == {((500, ONE), True)}


def test_half_a_line_of_a_crash_spoils_no_other(kept, tmp_path):
    kept(1, ONE)
    with (tmp_path / witnesses.FILE).open("a") as stream:
        stream.write("1767225600.000 2:22")
    kept(3, TWO)
    assert told(tmp_path) == [(1, ONE), (3, TWO)]
    assert kept(3, TWO) == (None, False)


def test_the_latest_are_told_and_of_older_ones_the_first_of_each_day(kept, tmp_path):
    for seq in range(1, 1001):
        kept(seq, f"{seq:064x}", MIDNIGHT + seq * DAY / 250)  # four days, 250 ends each
    numbers = [seq for seq, _seal in told(tmp_path)]
    assert numbers == [1, 250, 500, 750, *range(801, 1001)]


def test_what_is_kept_can_be_read_with_the_eye(kept, tmp_path):
    kept(25, ONE)
    kept(24, TWO)
    assert (tmp_path / witnesses.FILE).read_text().splitlines() == [
        f"1767225600.000 25:{ONE}",
        f"1767225600.000 24:{TWO} but 25:{ONE}",
    ]
