"""How fast files of time tags are read and written, and how much memory a long one takes.

    python benchmarks/photon_files.py                 # reading and writing, against what else is installed
    python benchmarks/photon_files.py --long 1e9      # a recording of that many records, correlated piece by piece

Peers run in the same process and in turn with ours, but phconvert, tttrlib and trattoria only where they are
installed (extra `photon-peers`), each reading in a process of its own, because some of them can crash it.
Times are the least of several runs, of the CPU (wall for other processes and for the long recording).
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from perovskite_meas.core.tags import Tags
from perovskite_meas.photons.files import PhotonHdf5Writer, PtuWriter, open_tags, read_tags, write_ptu

RUNS = 7
PEERS = {
    "phconvert load_ptu": ("phconvert", "from phconvert.pqreader import load_ptu as read"),
    "tttrlib TTTR": ("tttrlib", "import tttrlib\nread = lambda path: tttrlib.TTTR(path, 'PTU')"),
}


def poisson(count: int, rate: float, *, pulsed: bool) -> Tags:
    """Return photons at a total rate (Hz) on two channels; T3 at 5 MHz."""
    rng = np.random.default_rng(1)
    times = np.cumsum(rng.exponential(1e12 / rate, count)).astype(np.int64)
    channels = rng.integers(0, 2, count).astype(np.uint8)
    if not pulsed:
        return Tags(times, channels, int(times[-1]))
    pulses, delays = np.divmod(times, 200_000)
    delays = (delays // 8).astype(np.int32)
    times = pulses * 200_000 + delays * 8
    return Tags(times, channels, int(times[-1]), pulses=pulses, dtimes=delays, period=2e5, resolution=8.0)


def in_turn(readers: dict[str, Callable[[Path], object]], path: Path) -> dict[str, float]:
    """Return the least CPU time in s of each reader; they take turns."""
    found: dict[str, list[float]] = {name: [] for name in readers}
    for _ in range(RUNS):
        for name, read in readers.items():
            start = time.process_time()
            read(path)
            found[name].append(time.process_time() - start)
    return {name: min(seconds) for name, seconds in found.items()}


def by_ptufile(path: Path) -> np.ndarray:
    """Return all records decoded by ptufile."""
    import ptufile

    with ptufile.PtuFile(path) as file:
        return file.decode_records()


def photons_by_ptufile(path: Path) -> tuple[np.ndarray, ...]:
    """Return what `read_tags` returns: photons alone, one array per column."""
    records = by_ptufile(path)
    photons = records[records["channel"] >= 0]
    kinds = {"time": np.int64, "channel": np.uint8, "dtime": np.int32}
    return tuple(photons[name].astype(kind) for name, kind in kinds.items() if name in (photons.dtype.names or ()))


def by_pieces(path: Path) -> None:
    """Read a file piece by piece."""
    with open_tags(path) as file:
        for _ in file.chunks():
            pass


def reading(folder: Path, count: int) -> None:
    """Compare readers on files of two rates and both kinds."""
    for rate in (2e5, 2e6):
        for pulsed in (False, True):
            path = folder / "a.ptu"
            write_ptu(path, poisson(count, rate, pulsed=pulsed), overwrite=True)
            with open_tags(path) as file:
                records = int(file.header["TTResult_NumberOfRecords"])
            read_tags(path)
            readers: dict[str, Callable[[Path], object]] = {"read_tags": read_tags, "chunks": by_pieces}
            if importlib.util.find_spec("ptufile"):
                readers["ptufile decode_records"] = by_ptufile
                readers["ptufile to photons"] = photons_by_ptufile
            print(f"\n{'T3' if pulsed else 'T2'} at {rate:.0e} photons/s: {records / 1e6:.1f} M records")
            found = in_turn(readers, path)
            for name, seconds in found.items():
                rate_now, ratio = records / 1e6 / seconds, seconds / found["read_tags"]
                print(f"  {name:24} {rate_now:7.0f} Mrec/s   read_tags is {ratio:.2f} x as fast")
            for name, (module, code) in PEERS.items():
                if importlib.util.find_spec(module):
                    print(f"  {name:24} {in_its_own_process(code, path, records)}")


def in_its_own_process(code: str, path: Path, records: int) -> str:
    """Return the speed of another reader, or how it failed."""
    loop = f"""
import time
{code}
read({str(path)!r})
found = []
for _ in range(5):
    start = time.process_time()
    read({str(path)!r})
    found.append(time.process_time() - start)
print(min(found))
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", loop], capture_output=True, text=True, check=False)
    if done.returncode:
        return f"failed: {(done.stderr.strip().splitlines() or [f'signal {-done.returncode}'])[-1]}"
    return f"{records / 1e6 / float(done.stdout.split()[-1]):7.0f} Mrec/s"


def writing(folder: Path, count: int) -> None:
    """Measure the writers, in pieces of 2^18 photons."""
    print("\nwriting (wall time)")
    for pulsed in (False, True):
        tags = poisson(count, 2e5, pulsed=pulsed)
        mode = "T3" if pulsed else "T2"
        for name, writer, further in (
            ("PTU", PtuWriter, {}),
            ("Photon-HDF5, gzip", PhotonHdf5Writer, {"compression": "gzip"}),
            ("Photon-HDF5, plain", PhotonHdf5Writer, {"compression": None}),
        ):
            path = folder / f"w{len(name)}.{mode}"
            start = time.perf_counter()
            with writer(path, mode=mode, period=tags.period, resolution=tags.resolution, **further) as file:
                for first in range(0, count, 2**18):
                    file.write(tags.take(slice(first, first + 2**18)))
            seconds = time.perf_counter() - start
            size = path.stat().st_size / count
            print(f"  {mode} {name:20} {count / 1e6 / seconds:6.1f} Mphotons/s, {size:.2f} B/photon")


def long(folder: Path, records: int) -> None:
    """Write a recording of that many records and correlate it piece by piece in another process."""
    path = folder / "long.ptu"
    piece = poisson(2**20, 1e6, pulsed=False)
    start, written = time.perf_counter(), 0
    with PtuWriter(path) as writer:
        while writer.records < records:
            writer.write(Tags(piece.times + written, piece.channels, written + piece.duration))
            written += piece.duration
        found = writer.records
    print(
        f"\nwrote {found / 1e6:.0f} M records, {path.stat().st_size / 1e9:.2f} GB, {time.perf_counter() - start:.0f} s"
    )
    code = f"""
import resource, time
from perovskite_meas.photons import Correlator
from perovskite_meas.photons.files import open_tags
correlator = Correlator("100 ps", "50 ns")
start = time.perf_counter()
with open_tags({str(path)!r}) as file:
    for tags in file.chunks():
        correlator.add(tags)
counts = correlator.finish()
print(counts.sum(), time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    pairs, seconds, memory = done.stdout.split()
    print(f"file to g2 (+-50 ns): {pairs} pairs in {float(seconds):.1f} s, {found / 1e6 / float(seconds):.0f} Mrec/s")
    print(f"most resident memory: {float(memory):.0f} MB (goal: 500 MB at most)")


def to_g2(folder: Path, count: int) -> None:
    """Compare file to g2 (+-50 ns, 100 ps) with trattoria, on a HydraHarp file, which both can read."""
    if not importlib.util.find_spec("trattoria"):
        return
    path = folder / "hydra.ptu"
    write_ptu(path, poisson(count, 2e5, pulsed=False), overwrite=True)
    path.write_bytes(path.read_bytes().replace((0x00010207).to_bytes(8, "little"), (0x01010204).to_bytes(8, "little")))
    ours = f"""
from perovskite_meas.photons import Correlator
from perovskite_meas.photons.files import open_tags
def run():
    correlator = Correlator(100, 50_000)
    with open_tags({str(path)!r}) as file:
        for tags in file.chunks(records=2**18):
            correlator.add(tags)
    return correlator.finish()
"""
    theirs = f"""
import trattoria
def run():
    file = trattoria.PTUFile({str(path)!r})
    return file.g2(trattoria.G2Parameters(channel_1=0, channel_2=1, correlation_window=50e-9, resolution=100e-12))
"""
    loop = "\nimport time\nrun()\nstart = time.process_time()\nrun()\nprint(time.process_time() - start)"
    found: dict[str, list[float]] = {"ours": [], "trattoria": []}
    for _ in range(RUNS):
        for name, code in (("ours", ours), ("trattoria", theirs)):
            done = subprocess.run([sys.executable, "-W", "ignore", "-c", code + loop], capture_output=True, text=True)
            if done.returncode:
                print(f"\n{name} failed: {done.stderr.strip().splitlines()[-1]}")
                return
            found[name].append(float(done.stdout.split()[-1]))
    mine, other = (statistics.median(found[name]) for name in ("ours", "trattoria"))
    times = f"{mine * 1e3:.0f} ms, trattoria {other * 1e3:.0f} ms: {other / mine:.2f} x"
    print(f"\nfile to g2, {count / 1e6:.0f} M photons: {times}")


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photons", type=float, default=1e7, help="photons per file")
    parser.add_argument("--long", type=float, default=0, help="records of the long recording (4 bytes each)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if arguments.long:
            long(folder, int(arguments.long))
            return
        reading(folder, int(arguments.photons))
        to_g2(folder, int(arguments.photons))
        writing(folder, int(arguments.photons))


if __name__ == "__main__":
    main()
