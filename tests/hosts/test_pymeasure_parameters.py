"""Our parameters as PyMeasure inputs."""

from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
from pymeasure.experiment import FloatParameter, Results, Worker

from perovskite_meas.core import Column, Procedure, param
from perovskite_meas.core.errors import ParameterError, UsageError
from perovskite_meas.hosts.pymeasure import TwoPhotonSaturation, face


class Everything(Procedure):
    """One parameter of each kind."""

    flux: float = param(3e12, unit="1/s", doc="more than PyMeasure's default bounds")
    gain: float = param(1.5, doc="a plain number")
    mode: Literal["slow", "fast"] = param("slow", doc="a choice")
    note: str = param("", doc="free words")
    limit: int | None = param(None, doc="a whole number or none")
    columns: ClassVar = (Column("x", "1", "x"),)


EverythingFace = face(Everything, __name__)

ODD: dict[str, Any] = {
    "powers": "Values(1.2345678901234567e-06, 0.1 + 0.2)",
    "dwell": 0.12345678901234568,
    "reference": 9.400000000000001e-06,
    "reference_every": 7,
    "background": False,
    "meter_time": 0.30000000000000004,
}


def reloaded(procedure: Any, path: Path) -> Any:
    Results(procedure, str(path))
    return Results.load(str(path), procedure_class=type(procedure)).procedure


def test_every_value_reloads_exactly_from_a_results_file(tmp_path: Path) -> None:
    odd = ODD | {"powers": "Values(1.2345678901234567e-06, 3.0000000000000004e-06)"}
    procedure = TwoPhotonSaturation(bench="C:\\Messungen\\süß 50%\\bench.yaml", **odd)
    again = reloaded(procedure, tmp_path / "x.csv")
    assert again.wrapped() == procedure.wrapped()
    assert again.wrapped().dwell == odd["dwell"]
    assert again.wrapped().reference == odd["reference"]
    assert again.bench == procedure.bench


def test_a_results_file_finds_the_face_by_its_own_name(tmp_path: Path) -> None:
    Results(TwoPhotonSaturation(reference=None), str(tmp_path / "x.csv"))
    again = Results.load(str(tmp_path / "x.csv")).procedure
    assert type(again) is TwoPhotonSaturation
    assert again.reference == "none"
    assert again.wrapped().reference is None


def test_every_kind_of_parameter_reloads_exactly(tmp_path: Path) -> None:
    procedure = EverythingFace(flux="2.5e13 1/s", gain=1 / 3, mode="fast", note="ü: # line\n, end", limit=5)
    assert reloaded(procedure, tmp_path / "x.csv").wrapped() == procedure.wrapped()
    assert reloaded(EverythingFace(), tmp_path / "y.csv").wrapped() == Everything()


def test_the_defaults_are_the_wrapped_procedures_own() -> None:
    assert TwoPhotonSaturation().wrapped() == TwoPhotonSaturation.wraps()
    assert TwoPhotonSaturation().bench == "virtual_confocal"


def test_parameters_carry_unit_limits_and_description() -> None:
    dwell = TwoPhotonSaturation().parameter_objects()["dwell"]
    assert isinstance(dwell, FloatParameter)
    assert (dwell.units, dwell.minimum, dwell.maximum) == ("s", 1e-3, 600.0)
    assert dwell.description == "counting time per point"


def test_text_with_a_unit_and_plain_numbers_mean_the_same() -> None:
    assert TwoPhotonSaturation(dwell="250 ms").dwell == TwoPhotonSaturation(dwell=0.25).dwell == 0.25
    procedure = TwoPhotonSaturation()
    procedure.reference = None
    procedure.powers = "Logspace('1 uW', '30 uW', 12)"
    assert procedure.wrapped().reference is None
    assert len(procedure.wrapped().powers) == 12


def test_a_large_number_passes_where_the_procedure_sets_no_bound() -> None:
    assert EverythingFace(flux=1e35).flux == 1e35


def test_all_wrong_parameters_are_refused_at_once_with_a_suggestion() -> None:
    with pytest.raises(ParameterError) as caught:
        TwoPhotonSaturation(dwel=1, bensh="x", meter_time="3 W")
    text = str(caught.value)
    assert "did you mean 'dwell'" in text
    assert "did you mean 'bench'" in text
    assert "meter_time" in text or "3 W" in text


def test_a_misspelt_assignment_and_a_forbidden_value_are_refused() -> None:
    procedure = TwoPhotonSaturation()
    with pytest.raises(AttributeError, match="did you mean 'dwell'"):
        procedure.dwel = 2
    with pytest.raises(ParameterError, match="outside"):
        procedure.dwell = "1 h"
    with pytest.raises(ParameterError, match="outside"):
        procedure.set_parameters({"dwell": 3600.0})
    procedure.colour = "red"


def test_a_parameter_never_keeps_a_worker_from_being_made(tmp_path: Path) -> None:
    Worker(Results(TwoPhotonSaturation(reference=None), str(tmp_path / "x.csv")))


def test_columns_carry_units_that_pymeasure_knows() -> None:
    columns = TwoPhotonSaturation.DATA_COLUMNS
    assert columns[0] == "row"
    assert {"power (W)", "counts", "live_time (s)", "dose (J/cm**2)"} <= set(columns)
    units = TwoPhotonSaturation.parse_columns(columns)
    assert str(units["dose (J/cm**2)"]) == "joule / centimeter ** 2"


def test_a_name_that_pymeasure_needs_is_refused() -> None:
    class Clash(Procedure):
        """A clash."""

        status: int = param(1, doc="taken")

    with pytest.raises(UsageError, match=r"Clash\.status"):
        face(Clash, __name__)


def test_estimates_open_nothing_and_always_have_the_same_lines() -> None:
    good = TwoPhotonSaturation().get_estimates()
    assert dict(good)["Plan"] == "ready"
    assert "J/cm^2" in dict(good)["Dose on the emitter"]
    assert "cross_section" in dict(good)["Expected sigma"]
    too_bright = TwoPhotonSaturation(powers="Values('0.5 mW')").get_estimates()
    assert "average power" in dict(too_bright)["Plan"]
    nowhere = TwoPhotonSaturation(bench="nowhere.yaml").get_estimates()
    assert dict(nowhere)["Duration"] == "unknown"
    assert [label for label, _ in good] == [label for label, _ in too_bright] == [label for label, _ in nowhere]
