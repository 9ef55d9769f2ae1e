"""Benchmarks, as ratios to bare tools measured in the same run: `make bench`.

One JSON line a row, milliseconds rounded; nothing here passes or fails, since a busy machine
is no defect. Needs the lab (root on Linux).
"""

import argparse
import json
import subprocess
import sys

from portal.demo.netns import why_not
from tests.bench import expiry, pep

FLOORS = {"approve to in force": "open", "revoke to confirmed": "close", "revoke to the last packet": "close"}


def main():
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--devices", type=int, nargs="+", default=[100, 10_000], help="how many others the PEP holds meanwhile")
    arguments = parser.parse_args()
    if reason := why_not():
        sys.exit(f"No benchmark here: {reason}.")
    ways = {}
    for devices in arguments.devices:
        for row in pep.summary(devices, *pep.measure(devices, arguments.rounds)):
            say(row)
        ways[devices] = list(the_way(devices, arguments.rounds))
    grown(ways)
    say(lateness(expiry.measure(max(5, arguments.rounds // 10))))


def the_way(devices, rounds):
    """Measure in a process of its own: Django is set up once, on one database."""
    argv = [sys.executable, "-m", "tests.bench.way", str(devices), str(rounds)]
    found = json.loads(subprocess.run(argv, stdout=subprocess.PIPE, check=True, text=True).stdout)
    for what, times in found["times"].items():
        row = pep.row(f"through Celery: {what}", devices, times, found["floor"][FLOORS[what]])
        say(row)
        yield row
    say({"what": "the first look at everything", "devices": devices, "seconds": found["first_pass_s"]})


def grown(ways):
    """Say what the same costs beside many devices and beside few."""
    few, many = min(ways), max(ways)
    for less, more in zip(ways[few], ways[many], strict=True):
        say({"what": f"{less['what']}, beside {many} against {few} devices", "p50_ratio": more["p50_ms"] / less["p50_ms"]})


def lateness(found):
    found.sort()
    figures = {"first_ms": found[0], "p50_ms": found[len(found) // 2], "last_ms": found[-1]}
    return {"what": "the last packet after a deadline, with everything dead", "rounds": len(found)} | figures


def say(row):
    json.dump({name: round(value, 2) if isinstance(value, float) else value for name, value in row.items()}, sys.stdout)
    sys.stdout.write("\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
