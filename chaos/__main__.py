"""Run faults against the whole DAG and write a table of what they did (`make chaos`)."""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

from chaos import catalogue, sequences, table
from chaos.campaign import Campaign
from chaos.harness.stack import RUN_S, STATE, chaos_stack
from chaos.scenario import Row
from development.children import StartError
from development.stack import Ports
from local_aws.processes import interrupts
from local_aws.stack import StackError

FIRST_PORT = 18600


def main() -> int:
    """Run the command line; return 0 when every scenario passes."""
    given = _parse()
    try:
        scenarios = catalogue.chosen(given.only)
    except ValueError as error:
        print(f"chaos: error: {error}", file=sys.stderr)
        return 2
    if given.list:
        print("\n".join(f"{one.name:40} {one.fault}" for one in scenarios))
        return 0
    if given.seed is not None:
        random.Random(given.seed).shuffle(scenarios)
    rows: list[Row] = []

    def show(row: Row) -> None:
        rows.append(row)
        print(table.line(row), flush=True)
        table.write(rows, given.state)  # a campaign of hours leaves what it has, also after an interrupt

    interrupts.catch()
    try:
        with chaos_stack(given.state / "stack", Ports.from_first(given.port), 60.0 * given.minutes) as stack:
            campaign = Campaign(stack)
            if given.sequences:
                sequences.play_all(campaign, given.sequences, given.seed or 1, show)
            else:
                campaign.run(scenarios, show)
    except (StartError, StackError, TimeoutError, RuntimeError) as error:
        print(f"chaos: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        interrupts.ignore_until_exit()
        print("\ninterrupted: all processes have ended", file=sys.stderr)
        return 130
    print(table.markdown(rows))
    return int(any(row.wrong for row in rows))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--only", default="", help="names of scenarios, separated by commas; `kill` means `kill.*`")
    parser.add_argument("--sequences", type=int, help="play so many random sequences of faults instead")
    parser.add_argument("--seed", type=int, help="shuffle the scenarios with this seed; that of the first sequence")
    parser.add_argument("--list", action="store_true", help="print the scenarios and run none")
    parser.add_argument("--state", type=Path, default=STATE, help="folder of the table and of all files of the stack")
    parser.add_argument("--minutes", type=float, default=RUN_S / 60, help="longest duration of a run (default: 10)")
    parser.add_argument("--port", type=int, default=FIRST_PORT, help=f"first of {Ports.COUNT} ports")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
