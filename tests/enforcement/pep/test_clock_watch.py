"""A PEP whose clock jumped ahead holds nobody's access any longer; for anything less than a jump it leaves all alone.

The clock of the test machine is left alone, too: the kernel's own count of time is what is shifted, in a time namespace.
"""

import json
import subprocess

import pytest

from tests.enforcement.pep.agents import ALICE, ERIN, FILESHARE, WIKI, agent_argv, check_in_force, state

pytestmark = pytest.mark.lab

CAN_SHIFT = subprocess.run(["unshare", "--time", "--monotonic=-10", "true"], capture_output=True, check=False).returncode == 0
needs_time = pytest.mark.skipif(not CAN_SHIFT, reason="no time namespaces here, or up for less than ten seconds")


@pytest.fixture
def watch(machine, tmp_path, pyz):
    """Look as the timer does, where the clock has jumped ahead by so many seconds since the machine started."""

    def look(jumped=0):
        shifted = ["unshare", "--time", f"--monotonic={-jumped}", "--"] if jumped else []
        return machine.run("pep", [*shifted, *agent_argv(pyz, tmp_path / "agent.json"), "--watch-clock"])

    return look


@pytest.fixture
def wanted(agent):
    wanted = state({ALICE: [FILESHARE, WIKI], ERIN: [WIKI]})
    check_in_force(agent.apply(wanted), wanted)
    return wanted


def test_time_that_goes_by_ends_nothing(machine, wanted, watch):
    said = [watch() for _look in range(2)]
    assert said == ["the clock did not jump ahead\n"] * 2
    assert (machine.admitted(FILESHARE), machine.admitted(WIKI)) == ({*ALICE}, {*ALICE, *ERIN})


@needs_time
class TestAJump:
    def test_all_access_ends_and_the_journal_says_why(self, machine, wanted, watch, tmp_path):
        watch()
        assert watch(jumped=10) == "the clock jumped ahead by 10.0 s: all access was ended\n"
        assert (machine.admitted(FILESHARE), machine.admitted(WIKI)) == (set(), set())
        last = json.loads((tmp_path / "state" / "journal.jsonl").read_text().splitlines()[-1])
        assert (last["change"], round(last["seconds"])) == ("end all access: the clock jumped", 10)

    def test_the_next_document_puts_back_what_still_holds(self, agent, machine, wanted, watch):
        watch()
        watch(jumped=10)
        check_in_force(agent.again(wanted), wanted)
        assert machine.admitted(WIKI) == {*ALICE, *ERIN}

    def test_one_jump_ends_access_once(self, agent, machine, wanted, watch):
        watch()
        watch(jumped=10)
        agent.again(wanted)
        assert watch(jumped=10) == "the clock did not jump ahead\n"
        assert machine.admitted(FILESHARE) == {*ALICE}

    def test_a_clock_that_goes_back_ends_nothing_and_its_return_does(self, machine, wanted, watch):
        watch(jumped=10)
        assert watch() == "the clock did not jump ahead\n"
        assert machine.admitted(FILESHARE) == {*ALICE}
        assert "all access was ended" in watch(jumped=10)
        assert machine.admitted(FILESHARE) == set()

    def test_less_than_a_jump_is_the_clocks_own_affair(self, machine, wanted, watch):
        watch()
        assert watch(jumped=1) == "the clock did not jump ahead\n"
        assert machine.admitted(FILESHARE) == {*ALICE}


@pytest.mark.parametrize("left", ["", "{}", "[]", '{"boot": "another", "distance": 0}', '{"boot": 1'])
def test_what_it_cannot_read_is_a_first_look(machine, wanted, watch, tmp_path, left):
    watch()
    (tmp_path / "state" / "clock.json").write_text(left)
    assert watch() == "the clock did not jump ahead\n"
    assert json.loads((tmp_path / "state" / "clock.json").read_text())["boot"]


def test_a_pep_without_a_table_has_nothing_to_end(machine, agent, watch):
    assert watch() == "the clock did not jump ahead\n"
