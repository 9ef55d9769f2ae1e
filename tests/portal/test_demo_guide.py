"""What the demo prints when it is up can be pasted into a shell as it stands."""

from portal.demo.home import Home
from portal.demo.stage import Stage
from portal.management.commands.demo import guide


def guide_of(tmp_path, no_lab=""):
    home = Home(folder=tmp_path, port=8500, provider_port=8501, keys={})
    return "\n".join(guide(Stage(home, print, lab_prefix="mine"), no_lab))


def test_the_commands_name_the_namespaces_that_this_demo_made(tmp_path):
    words = guide_of(tmp_path)
    assert "ip netns exec mine-laptop wg-quick up ./laptop.conf" in words
    assert "lg-" not in words


def test_without_a_lab_no_command_is_offered_that_could_not_work(tmp_path):
    words = guide_of(tmp_path, no_lab="not root")
    assert ("not root" in words, "ip netns" in words) == (True, False)
