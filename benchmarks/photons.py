"""Correlating, reading and segmenting photons, against other tools and against just reading the tags.

    python benchmarks/photons.py [--n 1e7] [--repeats 5] [--case A --case log ...]

All tools of a case take turns in one run; a figure is the median of the process's CPU time. Tools that can crash
run in a process of their own. Slow ones run once on fewer photons, and say so.
"""

import argparse
import math
import platform
from pathlib import Path

import numpy as np
from photon_cases import cases
from photon_cases.timing import Timed

RESULTS = Path(__file__).parent / "results" / "photons.md"
SLOW = 200_000


def planned(number: int, repeats: int) -> dict[str, tuple[str, object]]:
    """Return every case's title and what runs it."""
    made: dict[str, tuple[str, object]] = {
        case: (f"{case}: linear lags, {title}", lambda case=case: cases.linear(case, number, repeats, SLOW))
        for case, (*_, title) in cases.LINEAR.items()
    }
    made["live"] = ("live: chunk by chunk", lambda: cases.live(number, repeats))
    for rate in (1e5, 1e6):
        made[f"log-{rate:.0e}"] = (
            f"log lags, 1 ns to 1 s, {rate:.0e} cps",
            lambda rate=rate: cases.log(rate, number, repeats, SLOW),
        )
        made[f"ptu-{rate:.0e}"] = (
            f"PTU file to g2 (+-50 ns), {rate:.0e} cps",
            lambda rate=rate: cases.ptu(rate, number, repeats),
        )
    made["changes"] = ("change points, 20 k / 1 kcps", lambda: cases.changes(min(number, 10**6), repeats))
    return made


def table(title: str, rows: list[Timed]) -> list[str]:
    """Write one case as a table; ratios are times per photon over that of ours (first of ours) and of reading."""
    ours = next((row for row in rows if row.name.startswith("ours")), None)
    read = next((row for row in rows if row.name.startswith("read")), None)

    def over(row: Timed, other: Timed | None) -> str:
        if other is None or not other.seconds:
            return ""
        ratio = row.seconds / row.photons / (other.seconds / other.photons)
        return "" if math.isnan(ratio) else f"{ratio:.3g}"

    lines = [
        f"### {title}",
        "",
        "| tool | CPU ms | wall ms | Mphot/s | x ours | x reading | |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        rate = row.photons / row.seconds / 1e6 if row.seconds else math.nan
        figures = (
            ["", "", ""]
            if math.isnan(row.seconds)
            else [f"{row.seconds * 1e3:.4g}", f"{row.wall * 1e3:.4g}", f"{rate:.3g}"]
        )
        lines.append(f"| {row.name} | {' | '.join(figures)} | {over(row, ours)} | {over(row, read)} | {row.note} |")
    return [*lines, ""]


def main() -> None:
    """Run the chosen cases; print their tables and keep them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=float, default=1e7, help="photons per channel")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--case", action="append", help="A, B, C, D, live, log, ptu, changes; all where not given")
    asked = parser.parse_args()
    number = int(asked.n)
    lines = [
        "# Photon benchmarks",
        "",
        f"{number:.0e} photons per channel, medians of {asked.repeats} interleaved rounds, in turn; "
        f"{platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}.",
        "",
    ]
    print("\n".join(lines))
    for name, (title, run) in planned(number, asked.repeats).items():
        if asked.case and not any(name == case or name.startswith(f"{case}-") for case in asked.case):
            continue
        try:
            told = table(title, run())
        except (ImportError, AttributeError) as error:
            told = [f"### {title}", "", f"skipped: {error}", ""]
        print("\n".join(told), flush=True)
        lines += told
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text("\n".join(lines), encoding="utf-8")
    print(f"kept in {RESULTS}")


if __name__ == "__main__":
    main()
