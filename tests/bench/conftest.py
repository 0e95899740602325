"""A table of fake instruments: parameters that log what is set, on a clock that tests own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from perovskite_meas.bench import Bench, read_bench
from perovskite_meas.core import Clock, Column, Procedure, Rows, param
from perovskite_meas.core.errors import UsageError, did_you_mean
from perovskite_meas.core.roles import Attenuator, Ledger, PhotonCounter, PowerMeter, Scanner, Shutter

BENCH = """
station: station.yaml
roles:
  shutter: sc10.state
  waveplate: ell14.angle
  attenuator: {use: ell14.angle, calibration: attenuator}
  meter: {use: pickoff.power, calibration: power_at_sample}
  sample_meter: {use: sample_head.power, accuracy: 3 %}
  counter: {use: sr400.counts_a, gate: sr400.gate_time, dead_time: 45 ns}
  scanner: {x: sr400.port_1, y: sr400.port_2, scale: 2 um/V, off_emitter: [3 um, 0 um]}
limits: {average_power: 90 uW, peak_irradiance: 1e11 W/cm^2, fluence: 10 mJ/cm^2, count_rate: 2e6 cps, dose: 2e5 J/cm^2}
safe_state: [shutter.block, attenuator.minimum]
calibrations:
  attenuator: {date: 2026-11-02, maximum: 120 uW, angle_of_maximum: 12.5 deg, extinction: 1e-4, range: [0.5 uW, 110 uW]}
  power_at_sample: {date: 2026-11-02, ratio: 0.1 +- 3 %, range: [0.5 uW, 110 uW], zero: 0 +- 0.5 uW,
                    extinction: 1e-4 +- 5e-5, maximum: 120 uW}
  pulse: {date: 2026-11-02, repetition_rate: 5 MHz, duration: 150 fs +- 5 %, shape: gauss, wavelength: 800 nm}
  spot: {date: 2026-11-02, waist: 433 nm +- 2 %, centring: 50 nm}
sample:
  name: dot 1
  two_photon_convention: absorbed_photons
  expect: {biexciton_ratio: 0.08 +- 0.03, brightness: 1e5 cps +- 30 %}
"""


class Points(Procedure):
    """Counts at some powers."""

    power: float = param("10 uW", unit="W", doc="power")
    dwell: float = param("1 s", unit="s", doc="counting time")
    points: int = param(3, doc="points")

    columns: ClassVar = (
        Column("counts", "1", "counts"),
        Column("head", "W", "reading"),
        Column("dose", "J/cm^2", "dose"),
    )

    def measure(
        self,
        *,
        shutter: Shutter,
        attenuator: Attenuator,
        meter: PowerMeter,
        counter: PhotonCounter,
        clock: Clock,
        ledger: Ledger,
        scanner: Scanner | None = None,
    ) -> Rows:
        shutter.block()
        for _ in range(self.points):
            attenuator.set_power(self.power)
            dose = ledger.dose()
            with shutter.exposure():
                counts = counter.count(self.dwell).counts
            yield {"counts": counts, "head": meter.read(0.1).head, "dose": dose}


class FakeClock:
    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += max(0.0, seconds)


class Parameter:
    """A fake handle; `answer` and `refuse` change how it behaves."""

    unit = ""

    def __init__(self, name: str, owner: object, lab: FakeLab, value: Any) -> None:
        self.name, self.owner, self.lab, self.value = name, owner, lab, value
        self.takes = 0.0
        self.answer: Callable[[], Any] = lambda: self.value
        self.refuse: BaseException | None = None
        self.asked = 0

    def get(self) -> Any:
        self.asked += 1
        self.lab.clock.sleep(self.takes)
        return self.answer()

    def set(self, value: Any) -> None:
        self.lab.log.append((self.name, value))
        if self.refuse is not None:
            raise self.refuse
        self.value = value


class Mount:
    """An owner that wants to be homed."""

    def __init__(self, lab: FakeLab) -> None:
        self.lab, self.is_homed = lab, False

    def homed(self) -> bool:
        return self.is_homed

    def home(self) -> None:
        self.lab.log.append(("ell14", "home"))
        self.is_homed = True


class FakeLab:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.log: list[tuple[str, Any]] = []
        self.mount = Mount(self)
        values = {
            "sc10.state": "open", "ell14.angle": 0.0, "pickoff.power": 1e-4, "sample_head.power": 1e-5,
            "sr400.counts_a": 1000, "sr400.gate_time": 1.0, "sr400.port_1": 0.5, "sr400.port_2": 0.0,
        }  # fmt: skip
        self.parameters = {
            name: Parameter(name, self.mount if name.startswith("ell14") else object(), self, value)
            for name, value in values.items()
        }
        counts, gate = self.parameters["sr400.counts_a"], self.parameters["sr400.gate_time"]

        def one_gate() -> float:
            self.clock.sleep(gate.value)
            return float(counts.value)

        counts.answer = one_gate

    def resolve(self, dotted: str) -> Parameter:
        if dotted not in self.parameters:
            raise UsageError(f"no parameter {dotted!r}; {did_you_mean(dotted, self.parameters)}")
        return self.parameters[dotted]

    def __getitem__(self, name: str) -> Parameter:
        return self.parameters[name]


@pytest.fixture
def lab() -> FakeLab:
    return FakeLab()


Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a bench file, with text replaced, beside an empty station."""

    def written(text: str = BENCH, replace: Mapping[str, str] | None = None) -> Path:
        (tmp_path / "station.yaml").write_text("instruments: {}\n", encoding="utf-8")
        for old, new in (replace or {}).items():
            assert old in text, f"{old!r} is not in the bench text"
            text = text.replace(old, new)
        path = tmp_path / "bench.yaml"
        path.write_text(text.lstrip("\n"), encoding="utf-8")
        return path

    return written


@pytest.fixture
def make(write: Write, lab: FakeLab) -> Callable[..., Bench]:
    """Make a bench on the fake instruments, with text of its file replaced."""

    def made(replace: Mapping[str, str] | None = None) -> Bench:
        return Bench(read_bench(write(replace=replace)), lab.resolve, lab.clock)

    return made


@pytest.fixture
def bench(make: Callable[..., Bench]) -> Bench:
    return make()


@pytest.fixture
def points() -> type[Points]:
    return Points


DELAY_ROLE = """  delay: {coarse: esp.position, fine: piezo.position, ramp: piezo.ramp, ramping: piezo.ramping,
          recorded: piezo.recorded, servo: piezo.servo, overflow: piezo.overflow, calibration: delay,
          coarse_range: [0 mm, 25 mm], fine_range: [1 um, 14 um]}
"""
DELAY_CALIBRATION = "  delay: {date: 2026-11-02, zero: 12.5 mm +- 5 um, fine_scale: 1 um/um +- 0.5 %}\n"
DELAY_VALUES = {
    "esp.position": 20.0, "piezo.position": 3.0, "piezo.ramp": None, "piezo.ramping": False,
    "piezo.recorded": None, "piezo.servo": True, "piezo.overflow": False,
}  # fmt: skip


@pytest.fixture
def make_line(make: Callable[..., Any], lab: Any) -> Callable[..., Any]:
    """Make a bench with a delay line over fake parameters, with text of its role or calibration replaced."""
    kind = type(lab["sc10.state"])
    lab.parameters.update({name: kind(name, object(), lab, value) for name, value in DELAY_VALUES.items()})

    def made(role: Mapping[str, str] | None = None, calibration: str = DELAY_CALIBRATION) -> Bench:
        text = DELAY_ROLE
        for old, new in (role or {}).items():
            assert old in text
            text = text.replace(old, new)
        return make({
            "  scanner:": text + "  scanner:",
            "  spot:": calibration + "  spot:",
            "attenuator.minimum]": "attenuator.minimum, delay.rest]",
        })  # fmt: skip

    return made


@pytest.fixture
def line(make_line: Callable[..., Any], lab: Any) -> Any:
    found = make_line().roles["delay"]
    found.begin()
    lab.log.clear()
    return found


PULSE_BENCH = """
station: station.yaml
roles:
  shutter: sc10.state
  pulse: {use: laser.output, frequency: laser.rate, divider: laser.divider, base: laser.base, locked: laser.locked,
          wavelength: laser.wavelength, faults: laser.errors, duration: laser.duration, maximum_rate: 50 Hz}
  attenuator: {kind: pulse_attenuator, use: ell14.angle, calibration: energy}
  scanner: {x: sr400.port_1, y: sr400.port_2, off_emitter: [3 um, 0 um]}
limits: {average_power: 1 uW, fluence: 40 uJ/cm^2, pulse_energy: 98 nJ, peak_irradiance: 1e9 W/cm^2, dose: 1 mJ/cm^2}
safe_state: [shutter.block, pulse.hold, attenuator.minimum]
calibrations:
  energy: {date: 2026-11-02, maximum: 100 nJ, angle_of_maximum: 12.5 deg, extinction: 1e-4, range: [0.1 nJ, 97 nJ]}
  energy_at_sample: {date: 2026-11-02, ratio: 0.5 +- 3 %, zero: 0 +- 0.1 nJ, wavelength: 400 nm, head: QE12}
  pulse: {date: 2026-11-02, repetition_rate: 10 Hz, duration: 100 fs +- 5 %, shape: gauss, wavelength: 400 nm}
  spot: {date: 2026-11-02, waist: 1.5 mm +- 2 %, waist_y: 100 um +- 2 %, profile: gauss}
  collection: {date: 2026-11-02, geometry: edge, na: 0.1, filter: FELH0450, length: 0.5 mm +- 5 %}
sample: {name: film 1}
"""
LASER_VALUES = {
    "laser.output": "Open", "laser.rate": 0.0, "laser.divider": 1, "laser.base": 1000.0, "laser.locked": True,
    "laser.wavelength": 400.6, "laser.errors": [], "laser.duration": 110.0,
}  # fmt: skip


@pytest.fixture
def make_pulses(write: Write, lab: Any) -> Callable[..., Bench]:
    """Make a bench with a picked laser over fake parameters, with text of its file replaced."""
    kind = type(lab["sc10.state"])
    lab.parameters.update({name: kind(name, object(), lab, value) for name, value in LASER_VALUES.items()})

    def made(replace: Mapping[str, str] | None = None) -> Bench:
        return Bench(read_bench(write(PULSE_BENCH, replace)), lab.resolve, lab.clock)

    return made


@pytest.fixture
def pulses(make_pulses: Callable[..., Bench], lab: Any) -> Bench:
    """A bench with a picked laser, in the dark as at the start of a run."""
    found = make_pulses()
    for role in found.roles.values():
        role.begin()
    lab.log.clear()
    return found
