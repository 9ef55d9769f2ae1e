"""The browser of these tests is killed where it hangs, and the next test has another."""

import os
import signal

from tests.e2e.chromium import Chromium


def test_a_browser_that_does_not_answer_is_killed_and_another_takes_its_place(browser, site):
    own = Chromium(browser.driver, [])
    context = own.new_context(base_url=site.url)
    context.new_page().goto("/")
    first = own.pids
    for pid in first:
        os.kill(pid, signal.SIGSTOP)
    own.close(context, patience=1)
    assert own.new_context(base_url=site.url).new_page().goto("/").status == 200
    assert own.pids.isdisjoint(first)
    own.close()
