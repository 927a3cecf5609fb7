"""
All benchmarks, one after another.

    python -m benchmarks [--quick] [--keep FOLDER]

Promise: the last lines are one a measure, ``measure value goal met|short``; a benchmark that failed makes the
command fail, after the others have run. An interrupt ends the one that runs, which clears up after itself.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from benchmarks.results import Measure

ALL = ("switches", "copies", "comparisons", "files", "drift")


def measured(words: list[str]) -> tuple[int, list[str]]:
    """Run one command, shown as it goes; return its exit status and the lines that are measures."""
    lines: list[str] = []
    with subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - this package's own modules
        try:
            for line in process.stdout or ():
                print(line, end="", flush=True)
                if Measure.read(line):
                    lines.append(line)
        except KeyboardInterrupt:
            # It was interrupted too, if by the keyboard; it is given the time to remove what it made.
            process.terminate()
            process.wait()
            raise
    return process.returncode, lines


def main() -> int:
    """Run all and print every measure last; return 1 where one did not come to its end."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 2)[1])
    parser.add_argument("--quick", action="store_true", help="small data, to see that all of it runs")
    parser.add_argument("--keep", type=Path, help="keep the results here, for benchmarks.report")
    asked = parser.parse_args()
    lines: list[str] = []
    failed: list[str] = []
    for name in ALL:
        print(f"\n== {name}", flush=True)
        words = ["-m", f"benchmarks.{name}", *(["--quick"] if asked.quick else [])]
        if asked.keep:
            asked.keep.mkdir(parents=True, exist_ok=True)
            words.append(f"--keep={asked.keep / name}.json")
        status, found = measured(words)
        lines += found
        if status:
            failed.append(name)
    if failed:
        print(f"\nno result: {', '.join(failed)}", file=sys.stderr)
    print("\n" + "".join(lines), end="", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
