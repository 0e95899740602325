"""Everything that this package registers keeps the contracts that it asks of other laboratories' code."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import xarray as xr
from ruamel.yaml import YAML

import perovskite_meas.drivers
from perovskite_meas import load_bench, run
from perovskite_meas.bench.roles import Option, RoleAdapter, kinds
from perovskite_meas.core.plugins import entry_points, find, names
from perovskite_meas.core.tables import table, tables
from perovskite_meas.core.units import check_unit
from perovskite_meas.testing import parametrize_with_checks
from perovskite_meas.testing.collect import checks_of

EXEMPT: tuple[str, ...] = ()
"""Registered things that need not keep the contracts: none, and it stays so."""

OURS = "perovskite_meas."

QUICK: dict[str, dict[str, Any]] = {
    "TwoPhotonSaturation": {"powers": "there_and_back(Logspace('1.3 uW', '30 uW', 8))"},
    "PowerCalibration": {"angles": "Linspace(0, 90, 13)"},
    "HBT": {"duration": "20 s"},
    "MichelsonScan": {
        "delays": "Linspace(3, 30, 6)",
        "sweeps": 8,
        "control_sweeps": 4,
        "reference_delays": 2,
        "zero_span": "6 ps",
    },
    "MagnetoPL": {
        "fields": "Linspace(0, 7, 5)",
        "negative": "Values(0)",
        "down_every": 0,
        "frames": 2,
        "decay": "1 s",
        "background_fields": 0,
    },
    "ASEFluence": {
        "fluences": "Logspace('0.5 uJ/cm^2', '30 uJ/cm^2', 14)",
        "shots": 6,
        "scout": 5,
        "fresh_spots": 1,
        "fresh_points": 4,
    },
    "KnifeEdge": {"shots": 3},
    "VariableStripe": {"fluences": "Values('9 uJ/cm^2')", "lengths": "Linspace(0.05, 0.6, 8)", "shots": 6},
}
"""Parameters with which a procedure gives rows for its analyses in less time."""


def ours(group: str) -> list[Any]:
    """Return what this package registers in a group; a laboratory's own may be installed beside it."""
    points = entry_points(group=f"perovskite_meas.{group}")
    return [find(group, point.name) for point in points if point.value.startswith(OURS) and point.name not in EXEMPT]


@cache
def stations() -> dict[str, dict[str, Any]]:
    """Return every instrument of the packaged virtual tables: driver class name -> arguments."""
    found: dict[str, dict[str, Any]] = {}
    for file in (path for name in tables() for path in sorted(table(name).glob("station*.yaml"))):
        for entry in YAML(typ="safe").load(file.read_text(encoding="utf-8"))["instruments"].values():
            init = dict(entry.get("init", {}))
            stand_in = str(init.get("module", init.get("library")))
            if "@twin" in str(init.get("visalib")) or stand_in.startswith(f"{OURS}sim."):
                address = {"address": entry["address"]} if "address" in entry else {}
                found[entry["type"].rpartition(".")[2]] = {**address, **init}
    return found


def drivers() -> list[tuple[type, dict[str, Any]]]:
    return [(getattr(perovskite_meas.drivers, name), stations()[name]) for name in perovskite_meas.drivers.__all__]


def test_no_exemption_was_made() -> None:
    assert EXEMPT == ()


def test_every_shipped_driver_has_its_place_on_a_virtual_table() -> None:
    assert set(perovskite_meas.drivers.__all__) <= set(stations())


def test_what_is_exported_is_what_is_registered() -> None:
    import perovskite_meas.procedures

    assert set(perovskite_meas.procedures.__all__) == {thing.__name__ for thing in ours("procedures")}


def procedures(parameters: dict[str, dict[str, Any]]) -> list[Any]:
    return [(kind, {"parameters": parameters.get(kind.__name__)}) for kind in ours("procedures")]


@parametrize_with_checks([*procedures(QUICK), *ours("analyses"), *drivers()])
def test_everything_shipped_keeps_the_contract(check: Callable[[], None]) -> None:
    check()


@pytest.mark.slow
@pytest.mark.parametrize("kind", [find("procedures", name) for name in QUICK])
def test_every_procedure_runs_whole_with_its_defaults_on_its_table(kind: Any) -> None:
    (whole,) = [check for check in checks_of(kind) if "runs on" in check.name]
    whole()


@pytest.fixture(scope="module")
def rows_for(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], xr.Dataset]:
    """Return what gives the rows of a short run of the shipped procedure that declares an analysis."""

    @cache
    def rows_of(kind: Any) -> xr.Dataset:
        with load_bench(kind.table) as bench:
            into = tmp_path_factory.mktemp("runs")
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(kind, "analyses", ())
                patched.setattr("perovskite_meas.report.html.raw_figure", lambda _: "")
                return run(kind(**QUICK.get(kind.__name__, {})), bench, into=into, progress=False).data

    def rows_for(name: str) -> xr.Dataset:
        (kind,) = [kind for kind in ours("procedures") if name in kind.analyses]
        return rows_of(kind)

    return rows_for


@pytest.mark.parametrize("name", [thing.name for thing in ours("analyses")])
def test_every_shipped_analysis_keeps_the_contract_on_measured_rows(
    name: str, rows_for: Callable[[str], xr.Dataset]
) -> None:
    from perovskite_meas.testing import check_analysis

    check_analysis(find("analyses", name), data=rows_for(name))


@pytest.mark.parametrize("kind", kinds())
def test_every_kind_of_role_explains_itself_and_its_options(kind: str) -> None:
    adapter = find("roles", kind)
    assert issubclass(adapter, RoleAdapter)
    assert inspect.getdoc(adapter)
    for name, option in adapter.options.items():
        assert isinstance(option, Option)
        assert name.isidentifier()
        assert option.doc
        for unit in option.unit.split(" or "):
            check_unit(unit)
    for verb in adapter.verbs:
        assert inspect.getdoc(getattr(adapter, verb))


def test_registered_names_are_unique_over_all_packages() -> None:
    for group in ("procedures", "analyses", "roles"):
        found = [point.name for point in entry_points(group=f"perovskite_meas.{group}")]
        assert sorted(found) == sorted(names(group))
