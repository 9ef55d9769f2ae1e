"""Start the agent: `python3 -I agent.pyz [--config PATH] [--record | --watch-clock]`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from enforcement.pep import agent, clock_watch
from enforcement.pep.kernel import ENVIRONMENT, Kernel
from enforcement.pep.record import Recorder

CONFIG = Path("/etc/lychgate/agent.json")


def main() -> None:
    """Read the arguments, forget the environment, and serve one stream."""
    parser = argparse.ArgumentParser(prog="lychgate-agent", allow_abbrev=False)
    parser.add_argument("--config", type=Path, default=CONFIG)
    parser.add_argument("--record", action="store_true", help="enforce nothing, only record what would be")
    parser.add_argument("--watch-clock", action="store_true", help="look once whether the clock jumped, and end all access if it did")
    arguments = parser.parse_args()
    os.environ.clear()
    os.environ.update(ENVIRONMENT)
    if arguments.watch_clock:
        sys.stdout.write(f"{clock_watch.watch(arguments.config)}\n")
        return
    agent.run(arguments.config, Recorder if arguments.record else Kernel)


if __name__ == "__main__":
    main()
