"""Lock-down as the agent does it: a trial that the kernel ends, a second connection that makes it last, and what brings it back."""

import json
import subprocess
import time

import pytest

from enforcement.pep.caps import parse_caps
from enforcement.pep.lockdown import LOCK, TRIAL_SECONDS, lockdown
from tests.enforcement.pep.agents import ALICE, FILESHARE, check_in_force, kinds, state
from tests.lab import agent_config

pytestmark = pytest.mark.lab

WORKERS = {"prefix": "192.0.2.0/24", "ports": [["tcp", 22, 22]]}
LISTED = f"nft -j list set inet {LOCK} locked"
FOREIGN = "nft add table inet theirs; nft add chain inet theirs c"


@pytest.fixture
def agents(make_agent):
    """Start streams whose PEP may be locked down."""
    return lambda: make_agent(kept_open=[WORKERS])


def lock(agent, token=""):
    return agent.ask({"verb": "lock", "version": 1, "pep": "pep-1", "token": token})


def left(machine):
    """Return the seconds that each address family stays closed, None for good; nothing where there is no such table."""
    if LOCK not in machine.sh("nft list tables"):
        return []
    listed = json.loads(machine.sh(LISTED))["nftables"][1]["set"].get("elem", [])
    return [element["elem"]["expires"] if isinstance(element, dict) else None for element in listed]


def locked_down(agents):
    answer = lock(agents(), lock(agents())["token"])
    assert answer["state"] == "locked"


def test_a_trial_is_ended_by_the_kernel_and_says_who_may_confirm_it(agents, machine):
    answer = lock(agents())
    assert (answer["kind"], answer["state"], answer["seconds"], len(answer["token"])) == ("lock", "trial", TRIAL_SECONDS, 32)
    assert [TRIAL_SECONDS - 5 <= seconds <= TRIAL_SECONDS for seconds in left(machine)] == [True, True]


def test_the_kernel_opens_again_when_the_time_is_over_whoever_is_dead_by_then(machine):
    machine.run("pep", ["nft", "-f", "/dev/stdin"], lockdown(parse_caps(agent_config(machine.interface)), 1))
    assert len(left(machine)) == 2
    until = time.monotonic() + 10
    while left(machine) and time.monotonic() < until:
        time.sleep(0.05)
    assert left(machine) == []


def test_an_agent_killed_in_the_trial_leaves_it_as_it_is(agents, machine):
    agent = agents()
    token = lock(agent)["token"]
    agent.process.kill()
    agent.close()
    assert [0 < seconds <= TRIAL_SECONDS for seconds in left(machine)] == [True, True]
    assert lock(agents(), token)["state"] == "locked"


def test_another_connection_makes_it_last(agents, machine):
    token = lock(agents())["token"]
    assert lock(agents(), token) | {"agent": ""} == {"version": 1, "kind": "lock", "pep": "pep-1", "agent": "", "state": "locked"}
    assert left(machine) == [None, None]
    assert lock(agents())["state"] == "locked"  # asked again, there is nothing to try
    assert left(machine) == [None, None]


class TestWhatDoesNotMakeItLast:
    @pytest.fixture
    def on_trial(self, agents, machine):
        agent = agents()
        agent.token = lock(agent)["token"]
        yield agent
        assert None not in left(machine)

    def test_the_same_connection(self, on_trial):
        assert "new connection" in lock(on_trial, on_trial.token)["why"][0]

    def test_another_token(self, on_trial, agents):
        assert "no such trial" in lock(agents(), "0" * 32)["why"][0]

    def test_the_token_of_an_earlier_trial(self, on_trial, agents):
        lock(agents())
        assert "no such trial" in lock(agents(), on_trial.token)["why"][0]

    def test_a_trial_that_is_over(self, on_trial, agents, machine):
        machine.sh(f"nft flush set inet {LOCK} locked")  # as when its minute has passed
        assert "is open again" in lock(agents(), on_trial.token)["why"][0]

    @pytest.mark.parametrize("token", ["x" * 32, "0" * 31, 7, None, ["0" * 32]])
    def test_what_is_no_token(self, on_trial, agents, token):
        assert lock(agents(), token)["why"] == ["a token is 32 hexadecimal digits, or empty"]


@pytest.mark.parametrize("kept_open", [[], [WORKERS | {"ports": [["udp", 161, 161]]}]])
def test_a_pep_that_would_keep_out_the_workers_is_not_even_tried(make_agent, machine, kept_open):
    assert "made with --from" in lock(make_agent(kept_open=kept_open))["why"][0]
    assert left(machine) == []


def test_an_agent_that_only_records_closes_nothing(make_agent):
    assert "only records" in lock(make_agent("--record", kept_open=[WORKERS]))["why"][0]


def test_a_file_from_before_there_was_lock_down_is_obeyed_still(make_agent, machine):
    assert "kept_open" not in agent_config(machine.interface)
    check_in_force(make_agent().apply(wanted := state({ALICE: [FILESHARE]})), wanted)


class TestOnceItLasts:
    def test_a_pass_says_so_and_changes_nothing(self, agents, machine):
        wanted = state({ALICE: [FILESHARE]})
        assert agents().apply(wanted)["lock"] == "open"
        locked_down(agents)
        before = machine.sh("nft list ruleset")
        receipt = agents().apply(wanted)
        check_in_force(receipt, wanted)
        assert (receipt["lock"], receipt["drift"]) == ("locked", [])
        assert machine.sh(f"nft -s list table inet {LOCK}") in before

    @pytest.mark.parametrize(
        "harm",
        [
            "nft flush ruleset",
            f"nft delete table inet {LOCK}",
            f"nft flush set inet {LOCK} locked",
            f"nft flush chain inet {LOCK} outside",
            f"nft insert rule inet {LOCK} outside tcp dport 22 accept",
            f"nft add element inet {LOCK} locked '{{ ipv4 }}'; nft delete element inet {LOCK} locked '{{ ipv6 }}'",
        ],
    )
    def test_what_is_done_to_it_by_hand_is_put_back_and_said(self, agents, machine, harm):
        agent = agents()
        locked_down(agents)
        wanted = state({ALICE: [FILESHARE]})
        agent.apply(wanted)
        whole = machine.sh(f"nft list table inet {LOCK}")
        machine.sh(harm)
        receipt = agent.apply(wanted)
        assert "lock-down changed" in kinds(receipt)
        assert machine.sh(f"nft list table inet {LOCK}") == whole
        again = agent.apply(wanted)
        assert (again["lock"], again["drift"]) == ("locked", [])

    def test_other_doors_that_the_owner_keeps_open_take_effect_without_blame(self, agents, machine):
        agent = agents()
        locked_down(agents)
        agent.apply(state())
        agent.write_config(kept_open=[WORKERS, {"prefix": "2001:db8::/32", "ports": [["tcp", 9100, 9101]]}])
        assert agent.hello() is None  # its own file has changed, and with that the stream ends
        agent.close()
        receipt = agent.apply(state())
        assert receipt["drift"] == []
        assert "ip6 saddr 2001:db8::/32 tcp dport 9100-9101 accept" in machine.sh(f"nft list table inet {LOCK}")

    def test_foreign_tables_are_left_alone(self, agents, machine):
        machine.sh(FOREIGN)
        before = machine.sh("nft list table inet theirs")
        locked_down(agents)
        agents().apply(state())
        assert machine.sh("nft list table inet theirs") == before

    def test_a_killed_confirmation_is_finished_by_the_next_pass(self, agents, machine):
        """The mark is on disk before the kernel holds it for good: what lies between leaves it on trial."""
        agent = agents()
        lock(agent)
        (agent.directory / "state" / "locked").touch()
        assert agent.apply(state())["lock"] == "locked"
        assert left(machine) == [None, None]


def test_a_disk_that_cannot_be_written_begins_no_trial(agents, machine):
    agent = agents()
    agent.hello()
    trial = agent.directory / "state" / "trial.json.new"
    trial.mkdir()  # what cannot be opened for writing
    assert "trial.json" in lock(agent)["why"][0]
    assert left(machine) == []


def test_what_is_printed_is_read_by_the_nft_of_a_pep(machine):
    caps = parse_caps(
        agent_config(machine.interface) | {"kept_open": [WORKERS, {"prefix": "2001:db8::7/128", "ports": [["udp", 161, 161]]}]}
    )
    done = subprocess.run(
        machine.argv("pep", ["nft", "-c", "-f", "/dev/stdin"]), input=lockdown(caps), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
