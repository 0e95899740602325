"""A file of time tags as if it had been recorded just now: the rows of HBT out of anybody's recording."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from perovskite_meas.core.columns import Column
from perovskite_meas.core.errors import UsageError
from perovskite_meas.core.procedure import Procedure, Rows, param
from perovskite_meas.core.tags import Tags
from perovskite_meas.photons.hbt import Histograms
from perovskite_meas.photons.marks import MARKED
from perovskite_meas.photons.pieces import pieces
from perovskite_meas.photons.running import UNKNOWN, Running

from ._recorded import opened_tags, recorded
from .hbt import HBT, SERIES

if TYPE_CHECKING:
    from perovskite_meas.photons.files import TagFile as OpenedFile

_PIECES, _MOST_SECONDS, _LEAST_SECONDS, _MOST_PHOTONS = 30, 10.0, 0.05, 4_000_000
_KINDS = dict(enumerate(SERIES, start=1))
_LAST_INPUT = 255
_PARAMETERS = {"on": "file", "off_emitter": "background", "dark": "dark", "laser": "reference"}
"""Which parameter names the recording of each series."""


class TagFile(Procedure):
    """Cut a recording into chunks and make the rows of HBT of them; nothing is measured.

    A file that a run of ours kept is cut at its own markers, into the emitter, its background, the dark and the
    reference light. Any other is the emitter's throughout; recordings of the others may be named beside it.
    """

    file: str = param("", doc="recording of the emitter: PTU, ht2, ht3, pt2, pt3, t3r, spc, Photon-HDF5")
    background: str = param("", doc="recording beside the emitter, at the same power")
    dark: str = param("", doc="recording in the dark")
    reference: str = param("", doc="recording of prompt light at the emission colour on both detectors")
    detectors: str = param(
        "", doc="inputs of detectors a and b, counted from 0, e.g. 0,1; the two busiest if not given"
    )
    chunk: float | None = param(None, unit="s", low="1 ms", high="1 h", doc="length of a chunk; none to suit the file")
    period: float | None = param(None, unit="ps", above=0, high=1e9, doc="laser period, where the file does not say it")
    dead_time: float | None = param(None, unit="ns", low=0, high=1e6, doc="of each detector; a file does not say it")
    bin_width: float | None = param(None, unit="ps", low=1, high=1e9, doc="bin of the lags; none to suit the laser")
    max_lag: float | None = param(None, unit="ps", low=10, high=1e11, doc="longest lag; none to suit the laser")
    max_pulses: int = param(500, low=20, high=100_000, doc="longest lag in pulses")
    gate: float = param("3 ns", unit="ps", low=0, high=1e9, doc="photons later than this after the pulse are gated")

    columns: ClassVar = (
        Column("series", "1", "which kind of chunk", codes=SERIES),
        Column("time", "s", "start of the chunk since the start of the file"),
        *(column for column in HBT.columns if column.name not in ("series", "time")),
    )
    analyses: ClassVar = HBT.analyses

    def measure(self) -> Rows:
        """Yield dark, reference, background and the emitter's chunks.

        Raises:
            UsageError: no such file, its detectors are not there, or recordings beside it are of another kind.
            TagFileError: a file that cannot be read.
        """
        if not self.file:
            raise UsageError("file: name a recording, e.g. file=dot.ptu")
        named = (("dark", self.dark), ("laser", self.reference), ("off_emitter", self.background), ("on", self.file))
        self._check_kinds()
        # The emitter's own recording decides, whichever of the recordings beside it comes first.
        first = next((tags for series, _, tags in self._pieces("on", self.file) if series == "on"), None)
        if first is None:
            return
        pair = self._pair(first)
        histograms = Histograms(
            shortest=first.duration * 1e-12,
            bin_width=self.bin_width,
            max_lag=self.max_lag,
            max_pulses=self.max_pulses,
            gate=self.gate,
        )
        running = Running()
        for kind, name in named:
            if not name:
                continue
            for series, started, tags in self._pieces(kind, name):
                two = _pulsed(_detectors(tags, pair), self.period)
                found = histograms.of(two, prompt=series == "laser", emitting=series == "on")
                row = _row(series, started, found)
                if series == "off_emitter":
                    running.background(row)
                elif series == "on":
                    row["g2_running"], row["g2_sigma"] = running.add(row)
                yield row

    def _check_kinds(self) -> None:
        """Refuse recordings that cannot be counted in the bins of the emitter's, before anything is counted."""
        own = recorded("file", self.file)
        if self.period is not None and own.mode == "T3" and own.period and not own.has_period(self.period):
            raise UsageError(
                f"period = {self.period:g} ps, but {self.file} states {own.period:g} ps itself; leave period out"
            )
        for name in ("background", "dark", "reference"):
            if file := getattr(self, name):
                recorded(name, file).check_beside(own, period=own.period or self.period, bin_width=self.bin_width)

    def _pieces(self, series: str, name: str) -> Iterator[tuple[str, float, Tags]]:
        with opened_tags(_PARAMETERS[series], name) as opened:
            duration, marked = opened.duration, bool(opened.header.get(MARKED, False))
            length = max(1, round(self._length(opened) * 1e12))
            for mark, begin, tags in pieces(opened.chunks(), length=length, duration=duration, marked=marked):
                yield _KINDS.get(mark, series) if series == "on" else series, begin * 1e-12, tags

    def _length(self, opened: OpenedFile) -> float:
        """Return the length of a chunk in s: about thirty, none of them too long or too full."""
        if self.chunk is not None:
            return self.chunk
        seconds = opened.duration * 1e-12
        records = opened.path.stat().st_size / 4
        fullest = _MOST_PHOTONS / max(records, 1.0) * seconds
        return max(min(seconds / _PIECES, _MOST_SECONDS, fullest), min(_LEAST_SECONDS, seconds))

    def _pair(self, first: Tags) -> tuple[int, int]:
        """Return the inputs of detectors a and b; the whole file is counted where its first piece does not tell."""
        wanted = _inputs(self.detectors)
        counts = _photons(first)
        if not all(counts[one] for one in wanted) if wanted else np.count_nonzero(counts) < 2:
            counts = np.zeros_like(counts)
            for series, _, tags in self._pieces("on", self.file):
                counts += _photons(tags) if series == "on" else 0
        for one in wanted or ():
            if not counts[one]:
                there = ", ".join(f"{k} ({counts[k]})" for k in np.flatnonzero(counts)) or "none"
                raise UsageError(
                    f"detectors = {self.detectors!r}: input {one} has no photons in {self.file}; inputs with photons: "
                    f"{there}"
                )
        a, b = wanted or sorted(np.argsort(-counts, kind="stable")[:2].tolist())
        return a, b


def _inputs(detectors: str) -> tuple[int, int] | None:
    """Return the two inputs that the parameter names; None where it is empty."""
    if not detectors:
        return None
    try:
        a, b = (int(word) for word in detectors.split(","))
    except ValueError as error:
        raise UsageError(f"detectors = {detectors!r}: write two inputs, e.g. 0,1") from error
    if a == b:
        raise UsageError(f"detectors = {detectors!r}: both are input {a}; detectors a and b are two inputs, e.g. 0,1")
    if not (0 <= a <= _LAST_INPUT and 0 <= b <= _LAST_INPUT):
        raise UsageError(f"detectors = {detectors!r}: inputs are counted from 0 to {_LAST_INPUT}")
    return a, b


def _photons(tags: Tags) -> NDArray[np.int64]:
    """Return the photons on each input, shape (256,)."""
    return np.bincount(tags.channels, minlength=_LAST_INPUT + 1)


def _detectors(tags: Tags, pair: tuple[int, int]) -> Tags:
    """Return the photons of two inputs as detectors 0 and 1."""
    if pair == (0, 1):
        return tags.take(tags.channels < 2) if len(tags) and tags.channels.max() > 1 else tags
    chosen = tags.take((tags.channels == pair[0]) | (tags.channels == pair[1]))
    return replace(chosen, channels=(chosen.channels == pair[1]).astype(np.uint8))


def _pulsed(tags: Tags, period: float | None) -> Tags:
    """Return the tags with pulse numbers where the laser's period is known, else without."""
    if tags.period is None and period is not None and tags.dtimes is not None:
        return replace(tags, period=period, pulses=np.floor_divide(tags.times, period).astype(np.int64))
    if tags.is_pulsed and tags.period is None:
        return replace(tags, pulses=None, dtimes=None)
    if not tags.is_pulsed and period is not None:
        from perovskite_meas.photons.fold import fold_to_pulses

        return fold_to_pulses(tags, period)
    return tags


def _row(series: str, started: float, found: dict[str, Any]) -> dict[str, Any]:
    nothing = {"power_set": 0.0, "power": 0.0, "dose": 0.0, "g2_running": UNKNOWN, "g2_sigma": UNKNOWN}
    unlinked = {"unit_power": 0.0, "unit_power_sigma": 0.0, "excitation_order": 0}
    return {"series": SERIES[series], "time": started} | found | nothing | unlinked
