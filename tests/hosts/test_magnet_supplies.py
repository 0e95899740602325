"""The magnet and cryostat roles on stock drivers of QCoDeS and PyMeasure, over simulated instruments."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pyvisa
from pymeasure.instruments.oxfordinstruments.ips120_10 import SwitchHeaterError
from qcodes.instrument_drivers.american_magnetics import AMIModel430, AMIModel4303D
from qcodes.instrument_drivers.cryomagnetics import CryomagneticsModel4G
from qcodes.instrument_drivers.Lakeshore import LakeshoreModel336
from qcodes.instrument_drivers.oxford import OxfordMercuryiPS
from qcodes.station import Station

from perovskite_meas.bench import Bench, read_bench
from perovskite_meas.core.errors import BenchError, HardwareFault, UsageError
from perovskite_meas.hosts import PyMeasureInstrument
from perovskite_meas.hosts._station import resolver
from perovskite_meas.sim.wire import FACTORIES
from perovskite_meas.sim.wire.device import WireDevice


def _magnet_lab() -> Any:
    spec = importlib.util.spec_from_file_location("magnet_lab", Path(__file__).parents[1] / "sim" / "magnet_lab.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tools = _magnet_lab()
SEGMENTS = "segments: [[0.2 T, 0.3 T/min], [0.5 T, 0.2 T/min]], maximum: 0.5 T, settle: 3 s, timeout: 40 s"
CRYO, IPS = "GPIB0::12::INSTR", "GPIB0::25::INSTR"


class _Supply(WireDevice):
    """A supply of another make over the coil of the lab: ramps its leads, and the coil where the switch is warm."""

    def __init__(self, laboratory: Any) -> None:
        super().__init__()
        self.coil, self.clock = laboratory.port("magnet"), laboratory.clock
        self.rate = 1e-3
        self.warm, self.quench = True, False
        self.leads = (0.0, 0.0, 0.0, 0.0)
        self.heard: list[str] = []

    def current(self, now: float) -> float:
        t0, b0, t1, b1 = self.leads
        return b1 if now >= t1 else b0 + (b1 - b0) * (now - t0) / (t1 - t0)

    def go(self, tesla: float, now: float) -> None:
        here = self.current(now)
        self.leads = (now, here, now + abs(tesla - here) / self.rate, tesla)
        if self.warm:
            self.coil.path(*self.leads)

    def stop(self, now: float) -> None:
        self.go(self.current(now), now)

    def moving(self, now: float) -> bool:
        return now < self.leads[2]


class Cryo4G(_Supply):
    """A 4G of 0.1 T/A as QCoDeS' simulation file answers: fields in kG, rates in A/s; sweeps on at a limit."""

    def __init__(self, laboratory: Any) -> None:
        super().__init__(laboratory)
        self.sweeping = False
        self.limits = {"ULIM": 0.0, "LLIM": 0.0}
        self.rates = {"0": 0.01, "1": 0.01}

    def _command(self, command: bytes, now: float) -> None:
        text = command.decode().strip()
        word, *rest = text.split()
        if not word.endswith("?"):
            self.heard.append(text)
        answers: dict[str, Callable[[], str]] = {
            "*IDN?": lambda: "Cryomagnetics,4G,2239,1.02,208",
            "*STB?": lambda: str(int(self.sweeping) + 4 * self.quench),
            "UNITS?": lambda: "T",
            "IMAG?": lambda: f"{self.coil.nominal(now) * 10:.4f}kG",
            "IOUT?": lambda: f"{self.current(now) * 10:.4f}kG",
            "PSHTR?": lambda: str(int(self.warm)),
            "RATE?": lambda: f"{self.rates[rest[0]]:.4f}",
        }
        if word in answers:
            self._reply(answers[word]().encode() + b"\n", now)
        elif word in self.limits:
            self.limits[word] = float(rest[0]) / 10
        elif word == "RATE":
            self.rates[rest[0]] = float(rest[1])
            self.rate = float(rest[1]) * 0.1
        elif word == "PSHTR":
            self.warm = rest == ["ON"]
        elif word == "SWEEP":
            self.sweeping = rest != ["PAUSE"]
            if self.sweeping:
                self.go(self.limits["ULIM" if rest == ["UP"] else "LLIM"], now)
            else:
                self.stop(now)


class Ips(_Supply):
    """An IPS 120-10: answers with the letter of the command, X with its status."""

    stop_bytes = b"\r"

    def __init__(self, laboratory: Any) -> None:
        super().__init__(laboratory)
        self.control, self.activity, self.setpoint, self.fitted = 0, 4, 0.0, True

    def _command(self, command: bytes, now: float) -> None:
        text = command.decode().strip()
        if not text:
            return
        letter, value = text[0], text[1:]
        if letter not in "RX":
            self.heard.append(text)
        heater = (1 if self.warm else 2) if self.fitted else 8
        status = f"X{int(self.quench)}0A{self.activity}C{self.control}H{heater}M1{int(self.moving(now))}P00"
        readings = {"7": self.current(now), "18": self.coil.nominal(now), "8": self.setpoint, "9": self.rate * 60}
        reply = letter
        if letter == "X":
            reply = status
        elif letter == "R":
            reply = f"R{readings[value]:+.4f}"
        elif letter == "C":
            self.control = int(value)
        elif self.control in (0, 2):
            reply = f"?{text}"
        elif letter == "A":
            self.activity = int(value)
            self.go(self.setpoint, now) if value == "1" else self.stop(now)
        elif letter == "J":
            self.setpoint = float(value)
        elif letter == "T":
            self.rate = float(value) / 60
        elif letter == "H":
            self.warm = value == "1"
        self._reply(reply.encode() + b"\r", now)


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setitem(FACTORIES, "4G", lambda laboratory, entries: Cryo4G(laboratory))
    monkeypatch.setitem(FACTORIES, "IPS", lambda laboratory, entries: Ips(laboratory))
    found = tools.MagnetLab()
    wiring = {address: entry for address, entry in found.config.instruments.items() if entry["device"] in FACTORIES}
    own = {CRYO: {"device": "4G"}, IPS: {"device": "IPS"}}
    found.config.instruments = {**wiring, **own}
    monkeypatch.setattr("time.sleep", found.clock.sleep)
    return found


@pytest.fixture
def visalib(lab: Any, tmp_path: Path) -> Iterator[tuple[str, Any]]:
    with tools.twin(tmp_path, lab) as found:
        yield found


@pytest.fixture
def role(lab: Any, tmp_path: Path) -> Callable[..., Any]:
    """Make a role of a bench that holds nothing else."""

    def made(instrument: Any, name: str, entry: str) -> Any:
        station = Station(default=False)
        station.add_component(instrument)
        (tmp_path / "station.yaml").write_text("instruments: {}\n", encoding="utf-8")
        bench = tmp_path / "bench.yaml"
        bench.write_text(f"station: station.yaml\nroles:\n  {name}: {{{entry}}}\n", encoding="utf-8")
        return Bench(read_bench(bench), resolver(station), lab.clock).roles[name]

    return made


def ami430(visalib: Any, address: str = "", name: str = "ami") -> Any:
    return AMIModel430(name, address or tools.AMI, visalib=visalib[0])


def test_qcodes_ami_430(visalib: Any, role: Any, lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ami = ami430(visalib)
    magnet = role(ami, "magnet", f"use: ami.field, {SEGMENTS}")
    magnet.begin()
    started = lab.clock.now()
    found = magnet.ramp_to(-0.4)
    assert found.state == "holding"
    assert lab.tesla() == pytest.approx(-0.4, abs=1e-3)
    assert 100 <= lab.clock.now() - started <= 112
    assert float(ami.ramp_rate()) == pytest.approx(0.2 / 60, rel=1e-5)
    assert ami.ask("SYST:ERR:COUN?") == "0"
    magnet.ramp_to(0.0)
    real, faults = lab.clock.sleep, visalib[1].device(tools.AMI).faults

    def sleep(seconds: float) -> None:
        real(seconds)
        if lab.tesla() > 0.3:
            faults.quench()

    monkeypatch.setattr(lab.clock, "sleep", sleep)
    with pytest.raises(HardwareFault, match=r"reports a quench at .* on the way to 500 mT"):
        magnet.ramp_to(0.5)
    assert magnet.read().state == "quench"
    with pytest.raises(HardwareFault, match="by hand"):
        magnet.ramp_to(0.0)


def test_the_rate_limit_of_the_qcodes_driver_is_told_before_the_run(visalib: Any, role: Any) -> None:
    ami = ami430(visalib)
    magnet = role(ami, "magnet", f"use: ami.field, {SEGMENTS}")
    ami.current_ramp_limit(1e-3)
    with pytest.raises(UsageError, match=r"asks for 0.3 T/min but the driver allows"):
        magnet.begin()


def test_an_interlocked_ami_is_a_fault_and_not_a_wait(visalib: Any, role: Any, lab: Any) -> None:
    magnet = role(ami430(visalib), "magnet", f"use: ami.field, {SEGMENTS}")
    visalib[1].device(tools.AMI).faults.refuse_ramps()
    with pytest.raises(HardwareFault, match=r"says 'holding' at 0 T.*look at its panel"):
        magnet.ramp_to(0.1)


def test_the_persistent_switch_of_an_ami(visalib: Any, role: Any, lab: Any) -> None:
    ami = ami430(visalib, tools.PARKED)
    ami.switch_heater.heat_time(15)
    ami.switch_heater.cool_time(30)
    with pytest.raises(UsageError, match=r"persistent at 0 T .*persistent: never"):
        role(ami, "magnet", f"use: ami.field, {SEGMENTS}").ramp_to(0.1)
    magnet = role(ami, "magnet", f"use: ami.field, {SEGMENTS}, persistent: park, leads_rate: 0.5 T/min")
    assert magnet.ramp_to(0.1).state == "persistent"
    assert float(ami.ask("CURR:SUPP?")) == pytest.approx(0.0, abs=1e-2)
    assert lab.tesla("magnet_p") == pytest.approx(0.1, abs=1e-3)
    found = magnet.ramp_to(0.2)
    assert (found.field, found.state) == (pytest.approx(0.2, abs=1e-3), "persistent")
    assert lab.tesla("magnet_p") == pytest.approx(0.2, abs=2e-3)
    assert magnet.facts()["persistent"] == "park"


@pytest.fixture
def three(visalib: Any) -> Any:
    axes = [
        ami430(visalib, address, f"ami_{axis}")
        for address, axis in ((tools.AMI, "x"), (tools.AMI_Y, "y"), (tools.AMI_Z, "z"))
    ]
    return AMIModel4303D("vector", *axes, field_limit=1.0)


def test_one_axis_of_three_and_all_along_a_direction(three: Any, role: Any, lab: Any) -> None:
    role(three, "magnet", f"use: vector.y, {SEGMENTS}").ramp_to(0.1)
    assert [lab.tesla(port) for port in ("magnet", "magnet_y", "magnet_z")] == pytest.approx([0, 0.1, 0], abs=1e-3)
    assert three.block_during_ramp()
    along = role(three, "magnet", f"use: vector.field, direction: [90 deg, 90 deg], {SEGMENTS}")
    along.begin()
    along.ramp_to(-0.05)
    assert [lab.tesla(port) for port in ("magnet", "magnet_y", "magnet_z")] == pytest.approx([0, -0.05, 0], abs=1e-3)
    tilted = role(three, "magnet", f"use: vector.field, direction: [45 deg, 0 deg], {SEGMENTS}")
    with pytest.raises(UsageError, match=r"50 mT across the direction"):
        tilted.ramp_to(0.1)
    with pytest.raises(BenchError, match="persistent: park cannot be done with a ami430_3d"):
        role(
            three, "magnet",
            f"use: vector.field, direction: [0 deg, 0 deg], {SEGMENTS}, persistent: park, leads_rate: 1 T/min",
        )  # fmt: skip
    with pytest.raises(BenchError, match=r"needs `direction: \[90 deg, 0 deg\]`"):
        role(three, "magnet", f"use: vector.field, {SEGMENTS}")


def test_pymeasure_ami_430_behind_the_bridge(visalib: Any, role: Any, lab: Any) -> None:
    bridged = PyMeasureInstrument(
        "ami", "pymeasure.instruments.ami.AMI430", tools.AMI, {"field": "kG"}, visa_library=visalib[0]
    )
    magnet = role(bridged, "magnet", f"use: ami.field, {SEGMENTS}")
    magnet.begin()
    magnet.ramp_to(0.3)
    assert lab.tesla() == pytest.approx(0.3, abs=1e-3)
    assert bridged.driver.ask("SYST:ERR:COUN?").strip() == "0"
    assert magnet.facts()["supply"] == "ami430"


def test_cryomagnetics_4g_never_by_its_blocking_loop(visalib: Any, role: Any, lab: Any) -> None:
    supply = CryomagneticsModel4G(
        "cryo", CRYO, max_current_limits={0: (40.0, 0.06), 1: (60.0, 0.06)}, coil_constant=0.1, visalib=visalib[0]
    )
    device = visalib[1].device(CRYO)
    magnet = role(supply, "magnet", f"use: cryo.field, {SEGMENTS}")
    magnet.begin()
    found = magnet.ramp_to(-0.3)
    assert found.state == "holding"
    assert lab.tesla() == pytest.approx(-0.3, abs=1e-3)
    assert device.heard[-1] == "SWEEP PAUSE"
    device.quench = True
    assert magnet.read().state == "quench"
    with pytest.raises(HardwareFault, match="quench"):
        magnet.ramp_to(0.0)
    device.quench, device.warm = False, False
    with pytest.raises(UsageError, match="persistent at -300 mT"):
        magnet.ramp_to(0.0)


def test_qcodes_mercury_ips(visalib: Any, role: Any, lab: Any) -> None:
    mercury = OxfordMercuryiPS("mercury", tools.MERCURY, visalib=visalib[0])
    magnet = role(mercury, "magnet", f"use: mercury.GRPZ.field, switch: false, {SEGMENTS}")
    magnet.begin()
    mercury.GRPZ.ramp_status("CLAMP")
    started = lab.clock.now()
    assert magnet.ramp_to(0.4).state == "holding"
    assert lab.tesla("magnet_m") == pytest.approx(0.4, abs=1e-3)
    assert lab.clock.now() - started >= 40 + 60
    device = visalib[1].device(tools.MERCURY)
    device.faults.refuse_ramps()
    with pytest.raises(HardwareFault, match=r"says 'holding' at 400 mT"):
        magnet.ramp_to(0.3)
    device.faults.refuse_ramps(False)
    device.faults.quench()
    with pytest.raises(HardwareFault, match="reports a quench"):
        magnet.ramp_to(0.3)
    magnet.hold()
    assert magnet.read().state == "quench"


def test_a_mercury_whose_status_is_not_understood_gives_its_quench_away_by_the_field(
    visalib: Any, role: Any, lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    mercury = OxfordMercuryiPS("mercury", tools.MERCURY, visalib=visalib[0])
    real, faults = mercury.ask, visalib[1].device(tools.MERCURY).faults
    monkeypatch.setattr(mercury, "ask", lambda text: ":INVALID" if text.endswith(":STAT") else real(text))
    magnet = role(mercury, "magnet", f"use: mercury.GRPZ.field, switch: false, {SEGMENTS}")
    asleep = lab.clock.sleep

    def sleep(seconds: float) -> None:
        asleep(seconds)
        if lab.tesla("magnet_m") > 0.3:
            faults.quench()

    monkeypatch.setattr(lab.clock, "sleep", sleep)
    with pytest.raises(HardwareFault, match="a quench, or a supply that does not do as told"):
        magnet.ramp_to(0.5)


def test_the_persistent_switch_of_a_mercury(visalib: Any, role: Any, lab: Any) -> None:
    mercury = OxfordMercuryiPS("mercury", tools.SWITCHED, visalib=visalib[0])
    with pytest.raises(BenchError, match="does not tell how long its switch takes; state heat_time, cool_time"):
        role(mercury, "magnet", f"use: mercury.GRPX.field, {SEGMENTS}, persistent: park, leads_rate: 0.5 T/min")
    times = "heat_time: 60 s, cool_time: 90 s"
    options = f"use: mercury.GRPX.field, {SEGMENTS}, persistent: park, leads_rate: 0.5 T/min, {times}"
    magnet = role(mercury, "magnet", options)
    found = magnet.ramp_to(0.1)
    assert (found.field, found.state) == (pytest.approx(0.1, abs=1e-3), "persistent")
    assert mercury.GRPX.field() == pytest.approx(0.0, abs=1e-3)
    assert magnet.ramp_to(-0.1).field == pytest.approx(-0.1, abs=1e-3)
    assert lab.tesla("magnet_s") == pytest.approx(-0.1, abs=1e-3)


def test_ips_120_behind_the_bridge(visalib: Any, role: Any, lab: Any) -> None:
    bridged = PyMeasureInstrument(
        "ips", "pymeasure.instruments.oxfordinstruments.IPS120_10", IPS, {"field": "T"}, visa_library=visalib[0]
    )
    device = visalib[1].device(IPS)
    options = f"use: ips.field, {SEGMENTS}, persistent: park, leads_rate: 0.5 T/min, heat_time: 20 s, cool_time: 20 s"
    magnet = role(bridged, "magnet", options)
    found = magnet.ramp_to(0.3)
    assert (found.field, found.state) == (pytest.approx(0.3, abs=1e-3), "persistent")
    assert device.current(lab.clock.now()) == pytest.approx(0.0, abs=1e-3)
    assert [text for text in device.heard if text.startswith("H")] == ["H0"]
    magnet.ramp_to(0.1)
    assert lab.tesla() == pytest.approx(0.1, abs=1e-3)
    device.quench = True
    with pytest.raises(HardwareFault, match="quench"):
        magnet.ramp_to(0.0)
    device.quench, device.fitted, device.warm = False, False, True
    with pytest.raises(SwitchHeaterError):
        _ = bridged.driver.switch_heater_enabled
    assert magnet.read().state == "holding"


def test_qcodes_lake_shore_336(visalib: Any, role: Any, lab: Any) -> None:
    shore = LakeshoreModel336("shore", tools.LS336, visalib=visalib[0])
    cryostat = role(
        shore, "cryostat",
        "use: shore.A.temperature, setpoint: shore.output_1.setpoint, maximum: 300 K, rate: 6 K/min, settle: 20 s",
    )  # fmt: skip
    shore.output_1.output_range("high")
    assert cryostat.read().temperature == pytest.approx(4.0)
    started = lab.clock.now()
    assert cryostat.settle_at(6.0).temperature == pytest.approx(6.0, abs=0.02)
    assert shore.output_1.setpoint_ramp_rate() == 6.0
    assert lab.clock.now() - started > 40
    visalib[1].device(tools.LS336).faults.open_sensor("A")
    with pytest.raises(HardwareFault, match="says 'Sensor Units Overrange, Invalid Reading' of the sensor"):
        cryostat.read()


def test_pymeasure_lake_shore_behind_the_bridge(visalib: Any, role: Any, lab: Any) -> None:
    bridged = PyMeasureInstrument(
        "shore", "pymeasure.instruments.lakeshore.LakeShore3xx", tools.LS336,
        {"input_A.kelvin": "K", "output_1.setpoint": "K"}, visa_library=visalib[0],
    )  # fmt: skip
    cryostat = role(bridged, "cryostat", "use: shore.input_A_kelvin")
    assert cryostat.require_steady(4.0).temperature == pytest.approx(4.0)
    visalib[1].device(tools.LS336).faults.open_sensor("A")
    with pytest.raises(HardwareFault, match="invalid reading, sensor over range"):
        cryostat.read()


def test_the_magnet_of_the_packaged_table(role: Any, lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    manager = pyvisa.ResourceManager("virtual_magneto@twin")
    library: Any = manager.visalib
    library.reset(speed=0.0)
    lab.clock = library.clock
    monkeypatch.setattr("time.sleep", library.clock.sleep)
    ami = AMIModel430("ami", tools.AMI, visalib="virtual_magneto@twin")
    magnet = role(ami, "magnet", f"use: ami.field, {SEGMENTS}")
    magnet.begin()
    magnet.ramp_to(0.2)
    assert library.world.port("magnet").nominal(library.clock.now()) == pytest.approx(0.2, abs=1e-3)
    shore = LakeshoreModel336("shore", tools.LS336, visalib="virtual_magneto@twin")
    assert role(shore, "cryostat", "use: shore.A.temperature").read().temperature == pytest.approx(4.0, abs=0.5)
