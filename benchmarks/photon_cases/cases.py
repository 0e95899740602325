"""What is measured; every case returns its rows, or says why it cannot run."""

import importlib.util
import itertools
import shutil
import struct
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from perovskite_meas.photons import Correlator, correlate, cross_correlate

from . import peers
from .streams import merged, poisson, telegraph
from .timing import Apart, Timed, interleaved, once

LINEAR = {
    "A": (1e5, 100, 50_000, "1e5 cps, +-50 ns in 100 ps"),
    "B": (1e5, 1000, 1_000_000, "1e5 cps, +-1 us in 1 ns"),
    "C": (1e6, 100, 50_000, "1e6 cps, +-50 ns in 100 ps"),
    "D": (1e6, 1000, 1_000_000, "1e6 cps, +-1 us in 1 ns"),
}


def is_there(*modules: str) -> bool:
    """Return whether all these modules are installed."""
    return all(importlib.util.find_spec(module) for module in modules)


def linear(case: str, number: int, repeats: int, slow: int) -> list[Timed]:
    """Linear lags: ours on separate arrays and on the merged stream, one and two threads, against all others."""
    rate, width, high, _ = LINEAR[case]
    one, two = poisson(number, rate)
    tags = merged(one, two)
    expected = cross_correlate(one, two, width, high)
    assert np.array_equal(correlate(tags, width, high), expected)
    tools = {
        "read (sum of both arrays)": lambda: (one.sum(), two.sum()),
        "read merged (sum of the times)": lambda: tags.times.sum(),
        "ours, separate": lambda: cross_correlate(one, two, width, high),
        "ours, merged": lambda: correlate(tags, width, high),
        "ours, separate, 2 threads": lambda: cross_correlate(one, two, width, high, threads=2),
        "ours, merged, 2 threads": lambda: correlate(tags, width, high, threads=2),
    }
    notes = {"ours, separate": f"{expected.sum():.3g} pairs"}
    if is_there("pytimetag"):
        walk = peers.pytimetag_linear(one, two, width, high)
        tools["pytimetag"] = walk
        notes["pytimetag"] = f"{int(walk().sum() - expected.sum()):+d} pairs too many"
    if is_there("tttrlib"):
        tools["tttrlib wahl, 2 directions"] = Apart(peers.tttrlib_linear, one, two, width, high)
        notes["tttrlib wahl, 2 directions"] = "tags floored to bins, no lag 0"
    rows = interleaved(tools, 2 * number, repeats, notes)
    less = min(slow, number)
    for name, make in (("pycorrelate", peers.pycorrelate_linear), ("pyFCS", peers.pyfcs_linear)):
        if is_there(name):
            rows.append(once(name, make, (one[:less], two[:less], width, high), 2 * less))
    return rows


def live(number: int, repeats: int) -> list[Timed]:
    """Chunks of 10 ms at 1 Mcps in all, +-50 ns: CPU time per second of recording."""
    tags = merged(*poisson(number // 2, 5e5))
    borders = np.searchsorted(tags.times, np.arange(0, tags.duration + 10**10, 10**10))
    chunks = [tags.take(slice(*pair)) for pair in itertools.pairwise(borders)]

    def run() -> None:
        correlator = Correlator(100, 50_000)
        for chunk in chunks:
            correlator.add(chunk)
        assert np.array_equal(correlator.finish(), expected)

    expected = correlate(tags, 100, 50_000)
    (row,) = interleaved({"Correlator, chunks of 10 ms": run}, len(tags), repeats)
    share = row.seconds / (tags.duration * 1e-12)
    return [replace(row, note=f"{share:.2%} of a core at 1 Mcps")]


def log(rate: float, number: int, repeats: int, slow: int) -> list[Timed]:
    """Logarithmic lags, 1 ns to 1 s."""
    from perovskite_meas.photons import log_correlate

    one, two = poisson(number, rate)
    tools = {
        "read (sum of both arrays)": lambda: (one.sum(), two.sum()),
        "ours, 16 lags per cascade": lambda: log_correlate(one, two),
    }
    if is_there("tttrlib"):
        tools["tttrlib felekyan"] = Apart(peers.tttrlib_log, one, two, "felekyan")
    rows = interleaved(tools, 2 * number, repeats)
    less = min(slow, number)
    for name, make, extra in (
        ("tttrlib", peers.tttrlib_log, ("wahl",)),
        ("pycorrelate", peers.pycorrelate_log, ()),
        ("pyFCS", peers.pyfcs_log, ()),
    ):
        if is_there(name):
            rows.append(once(f"{name} {' '.join(extra)}".strip(), make, (one[:less], two[:less], *extra), 2 * less))
    return rows


def ptu(rate: float, number: int, repeats: int) -> list[Timed]:
    """From a PTU file on disk to g2 within +-50 ns."""
    from perovskite_meas.photons import open_tags, read_tags, write_ptu

    tags = merged(*poisson(number, rate))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "photons.ptu"
        write_ptu(path, tags)
        theirs = _as_hydraharp(path)
        expected = correlate(tags, 100, 50_000)
        assert np.array_equal(correlate(read_tags(path), 100, 50_000), expected)

        def streamed() -> None:
            live = Correlator(100, 50_000)
            with open_tags(path) as file:
                for chunk in file.chunks():
                    live.add(chunk)
            assert np.array_equal(live.counts, expected)

        tools = {
            "read the bytes": lambda: np.fromfile(path, np.uint32).sum(),
            "ours, read_tags + correlate": lambda: correlate(read_tags(path), 100, 50_000),
            "ours, chunks + Correlator": streamed,
        }
        if is_there("trattoria"):
            tools["trattoria"] = Apart(peers.trattoria_g2, str(theirs), 100, 50_000)
        if is_there("ptufile", "pytimetag"):
            tools["ptufile + pytimetag's walk"] = Apart(peers.ptufile_g2, str(path), 100, 50_000)
        return interleaved(
            tools, 2 * number, repeats, {"trattoria": "header renamed to HydraHarp, the only kind it reads"}
        )


def _as_hydraharp(path: Path) -> Path:
    """Copy a generic T2 file under the name of the HydraHarp's, whose records are the same."""
    copy = path.with_name("hydraharp.ptu")
    shutil.copy(path, copy)
    with copy.open("r+b") as file:
        head = file.read(65536)
        file.seek(head.index(b"TTResultFormat_TTTRRecType") + 40)
        file.write(struct.pack("<q", 0x01010204))
    return copy


def changes(number: int, repeats: int) -> list[Timed]:
    """Change points of a blinking emitter; no other Python package is at hand to compare with."""
    from perovskite_meas.photons import change_points

    times, _ = telegraph(number)
    found = change_points(times)
    return interleaved(
        {"read (sum of the times)": lambda: times.sum(), "ours": lambda: change_points(times)},
        len(times),
        repeats,
        {"ours": f"{len(found)} points"},
    )
