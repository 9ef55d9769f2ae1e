"""Benchmarks, as ratios to bare tools measured in the same run: `make bench`.

One JSON line a row, milliseconds rounded; nothing here passes or fails, since a busy machine
is no defect. Needs the lab (root on Linux).
"""

import argparse
import json
import sys

from portal.demo.netns import why_not
from tests.bench import pep


def main():
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--devices", type=int, nargs="+", default=[100, 1000], help="how many others the PEP holds meanwhile")
    arguments = parser.parse_args()
    if reason := why_not():
        sys.exit(f"No benchmark here: {reason}.")
    for devices in arguments.devices:
        for row in pep.summary(devices, *pep.measure(devices, arguments.rounds)):
            json.dump({name: round(value, 2) if isinstance(value, float) else value for name, value in row.items()}, sys.stdout)
            sys.stdout.write("\n")
            sys.stdout.flush()


main()
