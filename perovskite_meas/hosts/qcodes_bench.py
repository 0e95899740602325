"""`load_bench`: a bench file and its QCoDeS station, opened together."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyvisa
from qcodes.instrument import Instrument
from qcodes.station import Station

from perovskite_meas.bench import Bench, BenchSpec, read_bench
from perovskite_meas.core.clock import Clock, WallClock
from perovskite_meas.core.errors import BenchError, UsageError, did_you_mean
from perovskite_meas.core.tables import packaged_file, table, world_file

from ._station import (
    close_instruments,
    identities,
    instruments,
    open_instruments,
    read_station,
    resolver,
    visa_libraries,
)

_worlds_in_use: dict[str, str] = {}
_NOT_VIRTUAL = "world= and seed= are for a virtual bench that is opened here; {}"


class QCoDeSBench(Bench):
    """A bench whose instruments live in a QCoDeS station.

    Attributes:
        station: the open station.
        adopted: True where the lab opened it; then `close` leaves it open.
        libraries: the virtual laboratories in use, by VISA library name; empty on a real table.
        identities: what each instrument says it is.
        closed: True after `close`.
    """

    def __init__(self, spec: BenchSpec, station: Station, *, adopted: bool, libraries: dict[str, Any]) -> None:
        self.station = station
        self.adopted = adopted
        self.libraries = libraries
        clock: Clock = next((library.clock for library in libraries.values()), WallClock())
        super().__init__(spec, resolver(station), clock)
        self.identities = identities(station)
        self.closed = False
        _worlds_in_use.update(dict.fromkeys(libraries, str(spec.path)))

    def conditions(self) -> dict[str, Any]:
        """Return the bench's conditions; a virtual sample's convention is that of its world file."""
        found = super().conditions()
        sample = found.setdefault("sample", {})
        for library in self.libraries.values():
            for name, value in library.world.describe().items():
                sample.setdefault(name, value)
        sample.setdefault("two_photon_convention", "absorbed_photons")
        return found

    def describe(self) -> dict[str, Any]:
        """Return bench, station, calibrations, identities and seeds for provenance."""
        seeds = {name: library.world.seed for name, library in self.libraries.items()}
        return {**super().describe(), "instruments": self.identities, "seeds": seeds}

    def close(self) -> None:
        """Close what `load_bench` opened; an adopted station stays open."""
        if self.closed:
            return
        self.closed = True
        for name in self.libraries:
            if _worlds_in_use.get(name) == str(self.spec.path):
                del _worlds_in_use[name]
        if not self.adopted:
            close_instruments(self.station)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def bench_file(path: str | Path) -> Path:
    """Return the bench file for a path, a folder that holds one, a packaged table's name or "<table>/<file>"."""
    given = Path(path)
    if given.is_dir():
        return given / "bench.yaml"
    if given.exists():
        return given
    if given.suffix in (".yaml", ".yml") or len(given.parts) > 1:
        return packaged_file(given) or given
    return table(str(path)) / "bench.yaml"


def load_bench(
    path: str | Path, *, station: Station | None = None, world: str | Path | None = None, seed: int | None = None
) -> QCoDeSBench:
    """Open a bench: validate its file, open or adopt its station, bind roles, limits and calibrations.

    Args:
        path: `bench.yaml`, the folder that holds it, or the name of a packaged table; its other
            benches are "<table>/<file>".
        station: an open QCoDeS station to adopt; it is not closed with the bench, and runs go into the
            lab's current database and experiment.
        world: another world file for a virtual table.
        seed: another seed for a virtual table; the same seed gives the same run to the last bit.

    Raises:
        BenchError: every problem of the file at once.
        InstrumentError: an instrument does not answer or is another one.
        UsageError: `world` or `seed` for a real table, or the virtual table is in use by another bench.
    """
    spec = read_bench(bench_file(path))
    adopted = station is not None
    if station is None:
        station = read_station(spec.station)
    names = visa_libraries(station)
    _refuse_if_in_use(names)
    if not adopted:
        _refuse_open_names(station, spec.station)
    if adopted or not names:
        if world is not None or seed is not None:
            why = "the station is already open" if adopted else f"{spec.station.name} names no virtual laboratory"
            raise UsageError(_NOT_VIRTUAL.format(why))
        libraries = {name: pyvisa.ResourceManager(name).visalib for name in names}
    else:
        libraries = _new_worlds(names, spec, world, seed)
    try:
        if not adopted:
            open_instruments(station, spec.station)
        return QCoDeSBench(spec, station, adopted=adopted, libraries=libraries)
    except BaseException:
        for name in names:
            _worlds_in_use.pop(name, None)
        if not adopted:
            close_instruments(station)
        raise


class _Closed:
    """Stands for a parameter of an instrument that is not opened."""

    def __init__(self, dotted: str) -> None:
        self.name = dotted
        self.unit = ""
        self.owner = self

    def get(self) -> Any:
        """Refuse: nothing is open."""
        raise UsageError(f"{self.name} is not open; this bench was only read")

    def set(self, value: Any) -> None:
        """Refuse: nothing is open."""
        raise UsageError(f"{self.name} is not open; this bench was only read")


class ClosedBench(Bench):
    """A bench that was read but not opened: for checks and dry runs."""

    def __init__(self, spec: BenchSpec, station: Station) -> None:
        known = instruments(station)

        def resolve(dotted: str) -> _Closed:
            name = dotted.split(".")[0]
            if name not in known:
                raise UsageError(f"no instrument {name!r} in {spec.station.name}; {did_you_mean(name, known)}")
            return _Closed(dotted)

        super().__init__(spec, resolve, WallClock())
        self.identities: dict[str, dict[str, str | None]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *reason: object) -> None:
        """Close nothing."""


def closed_bench(path: str | Path, *, world: str | Path | None = None, seed: int | None = None) -> ClosedBench:
    """Read a bench and its station file without opening anything.

    Args:
        path: of the bench.
        world: checked as `load_bench` would, in place of the bench's own.
        seed: likewise.

    Raises:
        BenchError: every problem of the files.
        UsageError: `world` or `seed` for a real table, or a world that this table cannot be.
    """
    spec = read_bench(bench_file(path))
    station = read_station(spec.station)
    if world is not None or seed is not None:
        names = visa_libraries(station)
        if not names:
            raise UsageError(_NOT_VIRTUAL.format(f"{spec.station.name} names no virtual laboratory"))
        chosen = _chosen_world(spec, world, seed)
        for name in names:
            library: Any = pyvisa.ResourceManager(name).visalib
            library.check(world=chosen, seed=seed)
    return ClosedBench(spec, station)


def _refuse_if_in_use(names: tuple[str, ...]) -> None:
    for name in names:
        if name in _worlds_in_use:
            raise UsageError(
                f"the virtual laboratory {name!r} is in use by the bench {_worlds_in_use[name]}; close that bench first"
            )


def _new_worlds(names: tuple[str, ...], spec: BenchSpec, world: str | Path | None, seed: int | None) -> dict[str, Any]:
    """Start a new World in each library; sessions that someone has opened there end, so names are checked before."""
    chosen = _chosen_world(spec, world, seed)
    libraries: dict[str, Any] = {}
    for name in names:
        library: Any = pyvisa.ResourceManager(name).visalib
        library.reset(world=chosen, seed=seed, speed=spec.clock_speed)
        libraries[name] = library
    return libraries


def _chosen_world(spec: BenchSpec, world: str | Path | None, seed: int | None) -> Path | None:
    _refuse_odd_seed(seed)
    chosen = spec.world if world is None else world_file(world)
    if chosen is not None and not chosen.is_file():
        raise BenchError(f"{spec.path}: the world file is missing:", [f"{chosen} does not exist"])
    return chosen


def _refuse_odd_seed(seed: object) -> None:
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int)):
        raise UsageError(f"seed = {seed!r} must be a whole number")


def _refuse_open_names(station: Station, path: Path) -> None:
    taken = [name for name in instruments(station) if Instrument.exist(name)]
    if taken:
        raise UsageError(
            f"an instrument named {taken[0]!r} is already open in this process, and {path} wants to open one of that "
            "name; close it, or pass the station that holds it: load_bench(..., station=your_station)"
        )
