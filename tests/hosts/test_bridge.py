"""PyMeasure drivers in a QCoDeS station, and QCoDeS instruments in a PyMeasure procedure."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymeasure.adapters import ProtocolAdapter
from pymeasure.instruments import Channel, Instrument, SCPIMixin
from qcodes.instrument import Instrument as QCoDeSInstrument
from qcodes.station import Station

from perovskite_meas import load_bench, run
from perovskite_meas.core.errors import UsageError
from perovskite_meas.core.tables import table
from perovskite_meas.hosts import PyMeasureInstrument, as_pymeasure
from perovskite_meas.procedures import TwoPhotonSaturation

HERE = "own_pymeasure_drivers"
PICKOFF = "USB0::0x1313::0x8078::P0000001::INSTR"


class Output(Channel):
    """One output of a supply."""

    voltage = Channel.control("VOLT{ch}?", "VOLT{ch} %g", "Control the voltage in V.")


class Supply(SCPIMixin, Instrument):
    """A supply with one output and one of each kind of property."""

    one = Instrument.ChannelCreator(Output, 1)
    current = Instrument.control("CURR?", "CURR %g", "Control the current in A.")
    measured = Instrument.measurement("MEAS?", "Measure the current in A.")
    key = Instrument.setting("KEY %d", "Set the key.")

    def __init__(self, adapter: Any, name: str = "supply", **kwargs: Any) -> None:
        super().__init__(adapter, name, **kwargs)

    def reset_all(self) -> None:
        """Reset."""


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    import types

    module = types.ModuleType(HERE)
    module.Supply = Supply  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, HERE, module)


class Line(ProtocolAdapter):
    """A line that notes whether it was closed."""

    closed = False

    def close(self) -> None:
        self.closed = True


def supply(pairs: list[tuple[bytes | None, bytes | None]], **parameters: str) -> PyMeasureInstrument:
    return PyMeasureInstrument("supply", f"{HERE}.Supply", Line(pairs), parameters=parameters)


def test_listed_properties_become_parameters_with_units() -> None:
    made = supply([(b"CURR?", b"0.5"), (b"CURR 0.75", None), (b"MEAS?", b"0.49")], current="A", measured="A")
    assert made.current.unit == "A"
    assert "Control the current" in made.current.__doc__
    assert made.current() == 0.5
    made.current(0.75)
    assert made.measured() == 0.49
    assert "key" not in made.parameters


def test_what_cannot_be_set_or_read_refuses_it() -> None:
    made = supply([(b"KEY 3", None)], measured="A", key="")
    assert not made.measured.settable
    assert not made.key.gettable
    made.key(3)


def test_a_property_of_a_channel_is_named_with_a_dot() -> None:
    made = PyMeasureInstrument("supply", f"{HERE}.Supply", Line([(b"VOLT1?", b"2")]), parameters={"one.voltage": "V"})
    assert made.one_voltage() == 2
    assert made.one_voltage.unit == "V"


def test_a_snapshot_asks_nothing() -> None:
    made = supply([], current="A", measured="A")
    snapshot = made.snapshot(update=True)
    assert snapshot["parameters"]["current"]["value"] is None


def test_the_identity_comes_from_the_instrument_or_names_the_driver() -> None:
    asked = supply([(b"*IDN?", b"ACME,PSU,12,1.0")])
    assert asked.get_idn() == {"vendor": "ACME", "model": "PSU", "serial": "12", "firmware": "1.0"}
    asked.close()
    assert supply([]).get_idn()["model"] == "Supply"


def test_closing_closes_the_adapter_and_frees_the_name() -> None:
    for _ in range(2):
        made = supply([])
        line = made.driver.adapter
        made.close()
        assert line.closed


def test_typos_are_answered_and_leave_nothing_open() -> None:
    line = Line([])
    with pytest.raises(UsageError, match="did you mean 'current'"):
        PyMeasureInstrument("supply", f"{HERE}.Supply", line, parameters={"curent": "A"})
    assert line.closed
    with pytest.raises(UsageError, match="is a method"):
        PyMeasureInstrument("supply", f"{HERE}.Supply", Line([]), parameters={"reset_all": ""})
    with pytest.raises(UsageError, match="did you mean 'Supply'"):
        PyMeasureInstrument("supply", f"{HERE}.Suply", Line([]))
    with pytest.raises(UsageError, match="cannot be imported"):
        PyMeasureInstrument("supply", "no_such_package.Supply", Line([]))
    with pytest.raises(UsageError, match="state `address`"):
        PyMeasureInstrument("supply", f"{HERE}.Supply")
    supply([]).close()


STATION = f"""
  pickoff:
    type: perovskite_meas.hosts.PyMeasureInstrument
    address: {PICKOFF}
    init:
      driver: pymeasure.instruments.thorlabs.ThorlabsPM100USB
      visalib: virtual_confocal@twin
      parameters: {{power: W, wavelength: nm}}
    parameters:
      wavelength: {{initial_value: 800}}
"""


@pytest.fixture
def own_table(tmp_path: Path) -> Path:
    """A copy of the virtual table whose pick-off head is read by PyMeasure's driver."""
    folder = tmp_path / "table"
    shutil.copytree(table("virtual_confocal"), folder)
    text = (folder / "station.yaml").read_text()
    start, end = text.index("  pickoff:"), text.index("  sample_head:")
    (folder / "station.yaml").write_text(text[:start] + STATION.lstrip("\n") + text[end:])
    return folder


@pytest.mark.filterwarnings("ignore:It is not known whether this device support SCPI:FutureWarning")
def test_a_bench_reads_its_power_through_a_pymeasure_driver(own_table: Path, tmp_path: Path) -> None:
    short = TwoPhotonSaturation(powers="Logspace('2 uW', '20 uW', 3)", dwell="20 ms", meter_time="5 ms", darks=1)
    with load_bench(own_table) as bench:
        assert "ThorlabsPM100USB" in str(bench.station.components["pickoff"].driver)
        assert bench.identities["pickoff"]["model"] == "PM100D"
        record = run(short, bench, into=tmp_path)
    assert record.status == "completed"
    lit = record.data["power_set"] > 0
    ratio = (record.data["power"] / record.data["power_set"]).values[lit]
    assert ((ratio > 0.8) & (ratio < 1.2)).all()
    load_bench(own_table).close()


@pytest.fixture
def station() -> Iterator[Station]:
    opened = Station(config_file=str(table("virtual_confocal") / "station.yaml"), default=False)
    yield opened
    QCoDeSInstrument.close_all()


def test_a_qcodes_instrument_is_used_like_a_pymeasure_one(station: Station) -> None:
    face: Any = as_pymeasure(station.load_instrument("sr400"))
    face.gate_time = 0.2
    assert face.gate_time == 0.2
    assert station.components["sr400"].gate_time.cache() == 0.2
    counts, live = face.count(0.1)
    assert live == pytest.approx(0.1)
    assert counts >= 0
    assert "gate_time" in dir(face)
    face.shutdown()
    assert face.gate_time == 0.1


def test_a_misspelt_attribute_of_a_qcodes_instrument_is_refused(station: Station) -> None:
    face: Any = as_pymeasure(station.load_instrument("sr400"))
    with pytest.raises(AttributeError, match="did you mean 'gate_time'"):
        face.gate_tme = 1
    with pytest.raises(AttributeError, match="did you mean 'gate_time'"):
        _ = face.gate_tme
    with pytest.raises(AttributeError, match="no parameter 'count'"):
        face.count = 3
