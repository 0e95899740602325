"""Delay as a quantity over the axes of two other instruments."""

import numpy as np
import pytest
import qcodes.dataset as qcd
from qcodes import validators as vals
from qcodes.dataset import LinSweep, Measurement, dond
from qcodes.instrument import Instrument, InstrumentModule
from qcodes.parameters import Parameter
from qcodes.station import Station

from perovskite_meas.core.delay_scale import DelayScale
from perovskite_meas.core.errors import HardwareFault, UsageError
from perovskite_meas.drivers.delay import Delay

PER_MM = DelayScale().per_length
BACKLASH = 0.004


class StageAxis(InstrumentModule):
    """A screw with backlash: the mirror follows the encoder only when it is pushed."""

    def __init__(self, parent, name):
        super().__init__(parent, name)
        self.encoder = self.mirror = 12.0
        self.error = 0.0
        self.sent = []
        self.add_parameter("position", unit="mm", get_cmd=lambda: self.encoder, set_cmd=self._go, vals=vals.Numbers())
        self.add_parameter("low_limit", unit="mm", get_cmd=None, set_cmd=None, initial_value=1.0)
        self.add_parameter("high_limit", unit="mm", get_cmd=None, set_cmd=None, initial_value=24.0)

    def _go(self, mm):
        self.sent.append(mm)
        self.encoder = mm + self.error
        self.mirror = min(max(self.mirror, self.encoder - BACKLASH), self.encoder)


class Stage(Instrument):
    def __init__(self, name, address="nowhere", **kwargs):
        super().__init__(name, **kwargs)
        self.add_submodule("axis1", StageAxis(self, "axis1"))

    def get_idn(self):
        return {"vendor": None, "model": "Stage", "serial": None, "firmware": None}


class Piezo(Stage):
    def __init__(self, name, unit="um", high=15.0, **kwargs):
        super().__init__(name, **kwargs)
        self.add_parameter(
            "position", unit=unit, get_cmd=None, set_cmd=None, initial_value=0.0, vals=vals.Numbers(0, high)
        )


@pytest.fixture
def stage():
    return Stage("stage")


@pytest.fixture
def piezo():
    return Piezo("piezo")


@pytest.fixture
def line(stage, piezo):
    return Delay("line", "stage.axis1.position", "piezo.position", zero="12.5 mm")


@pytest.fixture
def counts():
    return Parameter("counts", get_cmd=lambda: 7.0)


@pytest.fixture
def experiment(tmp_path):
    qcd.initialise_or_create_database_at(tmp_path / "lab.db")
    return qcd.load_or_create_experiment("delays", "dot")


def test_both_delays_follow_from_the_axes(line, stage, piezo):
    assert line.delay() == pytest.approx(-0.5 * PER_MM)
    line.delay(10.0)
    assert stage.axis1.position() == pytest.approx(12.5 + 10.0 / PER_MM)
    assert line.delay() == pytest.approx(10.0)
    assert line.fine_delay() == pytest.approx(-7.5 * PER_MM)
    line.fine_delay(2.0)
    assert piezo.position() == pytest.approx(7.5 + 2.0 / PER_MM)
    assert line.delay.unit == "ps"
    assert line.fine_delay.unit == "fs"


def test_where_the_overlap_is_found_becomes_zero(line, stage):
    stage.axis1.position(12.62)
    line.zero(12.6)
    assert line.delay() == pytest.approx(0.02 * PER_MM)


def test_it_works_on_parameter_objects_without_a_fine_axis_and_against_the_sense(stage):
    line = Delay("line", stage.axis1.position, zero=12.0, sense=-1, passes=4)
    line.delay(1.0)
    assert stage.axis1.position() == pytest.approx(12.0 - 1.0 / (2 * PER_MM))
    assert line.fine_delay is None
    assert "fine_delay" not in line.parameters


def test_a_fine_axis_in_volts_needs_its_scale(stage):
    volts = Piezo("volts", unit="V", high=75.0)
    with pytest.raises(UsageError, match=r"volts_position is in V, which is no length; .* `fine_scale`"):
        Delay("line", "stage.axis1.position", "volts.position")
    line = Delay("line2", "stage.axis1.position", "volts.position", fine_scale=0.2)
    line.fine_delay(10.0)
    assert volts.position() == pytest.approx(37.5 + 10.0 / PER_MM / 0.2)
    assert line.fine_delay.span == pytest.approx((-7.5 * PER_MM, 7.5 * PER_MM))


def test_every_arrival_is_from_below_so_that_backlash_does_not_enter(line, stage):
    axis = stage.axis1
    for delay in (5.0, 9.0, 3.0, 3.0, 3.01, -20.0, 40.0, 39.999):
        line.delay(delay)
        assert axis.mirror == pytest.approx(axis.encoder - BACKLASH)
        assert axis.encoder == pytest.approx(12.5 + delay / PER_MM)


def test_a_rising_scan_needs_no_run_ups_and_a_falling_one_does(line, stage):
    for delay in (5.0, 5.01, 5.02):
        line.delay(delay)
    assert len(stage.axis1.sent) == 3
    for delay in (5.01, 5.0):
        line.delay(delay)
    assert len(stage.axis1.sent) == 7
    assert stage.axis1.sent[-2] == pytest.approx(stage.axis1.sent[-1] - 0.02)


def test_if_somebody_else_moved_the_stage_the_next_arrival_runs_up_again(line, stage):
    line.delay(5.0)
    stage.axis1.position(stage.axis1.position() - 0.01)
    stage.axis1.sent.clear()
    line.delay(5.001)
    assert len(stage.axis1.sent) == 2


def test_from_above_where_the_approach_is_negative(stage):
    line = Delay("line", "stage.axis1.position", zero=12.0, approach=-0.05)
    for delay in (5.0, 9.0, 3.0):
        line.delay(delay)
        assert stage.axis1.mirror == pytest.approx(stage.axis1.encoder)
    assert line.delay.span == pytest.approx(((1.0 - 12.0) * PER_MM, (24.0 - 0.05 - 12.0) * PER_MM))


def test_without_an_approach_it_goes_straight(stage):
    line = Delay("line", "stage.axis1.position", zero=12.0, approach=0)
    line.delay(-5.0)
    assert len(stage.axis1.sent) == 1


def test_the_range_is_what_everybody_allows_and_the_error_says_who_does_not(line, stage, piezo):
    assert line.delay.span == pytest.approx(((1.02 - 12.5) * PER_MM, (24.0 - 12.5) * PER_MM))
    stage.axis1.sent.clear()
    with pytest.raises(UsageError, match=r"allowed are 1\.02 mm to 24 mm \(limit set by stage_axis1_high_limit\)"):
        line.delay(80.0)
    with pytest.raises(UsageError, match=r"set by stage_axis1_low_limit, less the approach of 0\.02 mm\)"):
        line.delay((1.01 - 12.5) * PER_MM)
    with pytest.raises(UsageError, match=r"allowed are 0 um to 15 um \(limit set by the validator of piezo_position\)"):
        line.fine_delay(51.0)
    assert stage.axis1.sent == []
    assert piezo.position() == 0


def test_a_stated_range_narrows_and_never_widens(stage, piezo):
    line = Delay(
        "line", "stage.axis1.position", "piezo.position", zero=12, coarse_range=(10, 30), fine_range=(2.0, 12.0)
    )
    assert line.delay.span == pytest.approx((-1.98 * PER_MM, 12.0 * PER_MM))
    with pytest.raises(UsageError, match="set by the range stated for line, less the approach"):
        line.delay(-20)
    assert line.fine_delay.span == pytest.approx((-5 * PER_MM, 5 * PER_MM))


def test_a_range_that_nobody_limits_or_that_is_empty_is_refused(stage):
    free = Parameter("free", unit="mm", set_cmd=None, get_cmd=None, initial_value=0.0)
    with pytest.raises(UsageError, match="nobody limits free; state its range"):
        Delay("line", free)
    with pytest.raises(UsageError, match=r"no range left between 30 mm \(the range stated for line\) and 24 mm"):
        Delay("line", "stage.axis1.position", coarse_range=[30, 40])
    with pytest.raises(UsageError, match=r"is not \[lowest, highest\]"):
        Delay("line", "stage.axis1.position", coarse_range=[30])
    assert not Instrument.exist("line")


def test_an_axis_that_did_not_arrive_is_a_fault(line, stage):
    stage.axis1.error = 0.003
    with pytest.raises(
        HardwareFault, match=r"stage_axis1_position stands at 14\.00\d+ mm after it was sent to 13\.99.* 0\.001 mm"
    ):
        line.delay(10.0)
    stage.axis1.error = 0.0005
    line.delay(10.0)


def test_names_that_lead_nowhere_are_refused_with_a_hint(stage):
    with pytest.raises(UsageError, match=r"no instrument 'stagge' is open, which 'stagge.axis1.position' needs"):
        Delay("line", "stagge.axis1.position")
    with pytest.raises(UsageError, match="stage has no 'axis'; did you mean 'axis1'"):
        Delay("line", "stage.axis.position")
    with pytest.raises(UsageError, match="stage_axis1 has no 'positon'; did you mean 'position'"):
        Delay("line", "stage.axis1.positon")
    with pytest.raises(UsageError, match="'stage' is no parameter; write it as"):
        Delay("line", "stage")


def test_a_sweep_of_the_delay_stores_the_raw_position_beside_it(line, stage, counts, experiment):
    data, _, _ = dond(LinSweep(line.delay, 0, 10, 5), counts, do_plot=False, show_progress=False, exp=experiment)
    found = data.to_xarray_dataset()
    wanted = np.linspace(0, 10, 5)
    assert found["line_delay"].values == pytest.approx(wanted)
    assert found["stage_axis1_position"].values == pytest.approx(12.5 + wanted / PER_MM)
    assert found["stage_axis1_position"].dims == ("line_delay",)
    assert found["stage_axis1_position"].attrs["units"] == "mm"


def test_the_raw_position_is_the_one_read_back(line, stage, counts, experiment):
    stage.axis1.error = 0.0004
    data, _, _ = dond(LinSweep(line.delay, 1, 2, 2), counts, do_plot=False, show_progress=False, exp=experiment)
    raw = data.to_xarray_dataset()["stage_axis1_position"].values
    assert raw - (12.5 + np.array([1, 2]) / PER_MM) == pytest.approx(0.0004)


def test_a_scan_of_both_axes_stores_both_raw_positions_and_survives_netcdf(line, counts, experiment, tmp_path):
    import xarray

    data, _, _ = dond(
        LinSweep(line.delay, 0, 10, 3),
        LinSweep(line.fine_delay, -5, 5, 4),
        counts,
        do_plot=False,
        show_progress=False,
        exp=experiment,
    )
    data.export("netcdf", path=tmp_path)
    with xarray.open_dataset(data.export_info.export_paths["nc"]) as found:
        assert found["counts"].shape == (3, 4)
        fine = found["piezo_position"].values
        assert np.broadcast_to(fine, (3, 4))[0] == pytest.approx(7.5 + np.linspace(-5, 5, 4) / PER_MM)
        assert "stage_axis1_position" in found


def test_measured_as_a_result_the_delay_brings_its_raw_position_too(line, stage, counts, experiment):
    measurement = Measurement(exp=experiment)
    measurement.register_parameter(counts)
    measurement.register_parameter(line.delay, setpoints=(counts,))
    with measurement.run() as saver:
        line.delay(4.0)
        saver.add_result((counts, 1.0), (line.delay, line.delay()))
    found = saver.dataset.to_xarray_dataset()
    assert found["line_delay"].values == pytest.approx([4.0])
    assert found["stage_axis1_position"].values == pytest.approx([12.5 + 4.0 / PER_MM])


def test_the_axis_stays_usable_in_later_measurements_without_the_delay(line, stage, counts, experiment):
    dond(LinSweep(line.delay, 0, 1, 2), counts, do_plot=False, show_progress=False, exp=experiment)
    data, _, _ = dond(
        LinSweep(stage.axis1.position, 5, 6, 3), counts, do_plot=False, show_progress=False, exp=experiment
    )
    found = data.to_xarray_dataset()
    assert found["stage_axis1_position"].values == pytest.approx([5, 5.5, 6])
    assert "line_delay" not in found
    measurement = Measurement(exp=experiment)
    measurement.register_parameter(stage.axis1.position)
    with measurement.run() as saver:
        saver.add_result((stage.axis1.position, 5.0))
    assert saver.dataset.number_of_results == 1


def test_an_array_of_delays_is_refused_since_it_has_no_raw_positions(line):
    with pytest.raises(UsageError, match="an array of delays has no raw positions"):
        line.delay.unpack_self(np.array([1.0, 2.0]))


def test_it_loads_from_a_station_file_below_its_components(tmp_path):
    here = tmp_path / "station.yaml"
    here.write_text(
        f"""
instruments:
  stage:
    type: {__name__}.Stage
  piezo:
    type: {__name__}.Piezo
  line:
    type: perovskite_meas.drivers.delay.Delay
    init:
      coarse: stage.axis1.position
      fine: piezo.position
      zero: 12.5 mm
      coarse_range: [2, 23]
      approach: 0.03
""",
        encoding="utf-8",
    )
    station = Station(config_file=str(here), default=False)
    with pytest.raises(
        UsageError, match=r"no instrument 'stage' is open, .* in a station file by putting it further up"
    ):
        station.load_instrument("line")
    for name in ("stage", "piezo", "line"):
        station.load_instrument(name)
    station.line.delay(1.0)
    assert station.stage.axis1.position() == pytest.approx(12.5 + 1.0 / PER_MM)
    snapshot = station.line.snapshot(update=True)
    assert snapshot["parameters"]["zero"]["value"] == 12.5
    assert snapshot["parameters"]["delay"]["value"] == pytest.approx(1.0)


def test_a_delay_from_an_axis_that_is_not_homed_is_warned_about_once(line, stage):
    axis = stage.axis1
    axis.home = lambda: axis.referenced(True)
    axis.add_parameter("referenced", get_cmd=None, set_cmd=None, initial_value=False)
    with pytest.warns(UserWarning, match=r"line: stage_axis1 is not homed, so .* mean nothing yet; call .*\.home\(\)"):
        line.delay()
    line.delay()  # warnings are errors here: once is enough
    axis.home()
    line.delay()
    axis.referenced(False)
    with pytest.warns(UserWarning, match="stage_axis1 is not homed"):
        line.delay()
