"""The documents say what the code does."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from qcodes.station import Station

from perovskite_meas import drivers
from perovskite_meas.analyses.saturation import figure
from perovskite_meas.bench import calibration_kinds, limits, read_bench, spec
from perovskite_meas.bench.reading import _KEYS
from perovskite_meas.bench.roles import Option, adapter_class
from perovskite_meas.core.plugins import find
from perovskite_meas.core.procedure import extra_of
from perovskite_meas.core.sweep_text import as_sweep
from perovskite_meas.core.sweeps import Sweep
from perovskite_meas.core.units import to_unit, with_sigma
from perovskite_meas.hosts.qcodes_bench import closed_bench
from perovskite_meas.runner.plan import plan

DOCS = Path(__file__).resolve().parents[1] / "docs"
TEXTS = sorted([*DOCS.rglob("*.md"), DOCS.parent / "CHANGELOG.md"])
SHIPPED_ROLES = (
    "analyser", "attenuator", "counter", "cryostat", "delay", "energy_meter", "filter", "magnet", "meter",
    "positioner", "pulse", "pulse_attenuator", "reference", "scanner", "shutter", "spectrometer", "tagger", "waveplate",
)  # fmt: skip
PROCEDURES = {
    "ASEFluence": "ase_fluence",
    "KnifeEdge": "knife_edge",
    "VariableStripe": "variable_stripe",
    "HBT": "hbt",
    "MagnetoPL": "magneto_pl",
    "MichelsonScan": "michelson_scan",
    "TwoPhotonSaturation": "two_photon_saturation",
    "PowerCalibration": "power_calibration",
    "WavelengthCalibration": "wavelength_calibration",
}

KINDS = {
    "target": "dotted name",
    "setting": "word or number",
    "flag": "yes or no",
    "calibration": "name of a calibration",
}


def text_of(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def section(text: str, heading: str) -> str:
    """Return what stands under a heading, down to the next heading of any level."""
    found = re.search(rf"^#+ {re.escape(heading)}$\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"no section {heading!r}"
    return found[1]


def rows(text: str) -> list[dict[str, str]]:
    """Return every row of every table as header -> cell; the first column without its backticks."""
    found, header = [], []
    for line in text.splitlines():
        if not line.startswith("|"):
            header = []
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not header:
            header = cells
        elif not set(line) <= set("|-: "):
            found.append(dict(zip(header, [cells[0].strip("`"), *cells[1:]], strict=True)))
    return found


def bare(cell: str) -> str:
    return cell.strip().strip("`")


# bench.yaml -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", SHIPPED_ROLES)
def test_every_option_of_every_role_is_documented_with_kind_unit_and_default(kind: str) -> None:
    adapter = adapter_class(kind)
    text = section(text_of("benches.md"), f"`{kind}`")
    documented = {row["Option"]: row for row in rows(text)}
    assert set(documented) == set(adapter.options)
    verbs = re.search(r"^Safe verbs: (.*)\.$", text, re.MULTILINE)
    assert verbs
    assert verbs[1] == (", ".join(f"`{verb}`" for verb in adapter.verbs) or "none")
    for name, option in adapter.options.items():
        check_option(documented[name], option)


def check_option(row: dict[str, str], option: Option) -> None:
    kinds = KINDS | {"quantity": option.unit, "point": f"two quantities in {option.unit}"}
    kinds |= {"pairs": f"pairs in {option.unit}", "values": f"quantities in {option.unit}"}
    unit = option.unit.split(" or ")[0]
    assert row["Kind or unit"] == kinds[option.kind], row
    assert row["Meaning"]
    if option.required:
        assert row["Default"] == "required"
    elif option.default is None:
        assert row["Default"] == "none"
    elif option.kind == "quantity":
        assert to_unit(bare(row["Default"]), unit) == pytest.approx(option.default)
    else:
        assert bare(row["Default"]) == str(option.default).lower()
    if option.kind == "quantity":
        assert to_unit(bare(row["Example"]).replace("%", "percent"), unit) >= option.least


def test_every_key_of_the_top_level_is_documented() -> None:
    assert [row["Key"] for row in rows(section(text_of("benches.md"), "Top level"))] == list(_KEYS)


def test_every_limit_is_documented_with_its_unit_and_what_it_needs() -> None:
    documented = {row["Key"]: row for row in rows(section(text_of("benches.md"), "Limits"))}
    assert {name: row["Unit"] for name, row in documented.items()} == limits.UNITS
    for name, row in documented.items():
        assert tuple(re.findall(r"`(\w+)`", row["Needs"])) == limits.NEEDS.get(name, ())
        assert to_unit(bare(row["Example"]), row["Unit"]) > 0


def test_the_peak_factors_of_the_pulse_shapes_are_those_of_the_code() -> None:
    text = section(text_of("benches.md"), "Limits")
    for shape, factor in limits._PEAK_OVER_MEAN.items():
        assert f"{factor:.4g} ({shape})" in text.replace("and ", "")


@pytest.mark.parametrize("kind", tuple(calibration_kinds.KEYS))
def test_every_key_of_every_calibration_is_documented(kind: str) -> None:
    documented = {row["Key"]: row for row in rows(section(text_of("benches.md"), f"`{kind}` calibration"))}
    required, optional = calibration_kinds.KEYS[kind]
    own = [key for key in required if key != "date"]
    assert set(documented) == {*own, *optional}
    for name, row in documented.items():
        assert (row["Default"] == "required") == (name in required), name
        units = calibration_kinds.units_of({"kind": kind})
        if name in units:
            assert row["Unit"] == units[name]


def test_the_common_keys_of_calibrations_are_documented() -> None:
    documented = {row["Key"] for row in rows(section(text_of("benches.md"), "Calibrations"))}
    assert documented == set(calibration_kinds.COMMON)


def test_every_expectation_is_documented_with_its_unit() -> None:
    documented = {row["Key"]: row for row in rows(section(text_of("benches.md"), "Sample"))}
    keys = {"name", "two_photon_convention", "expect", "notes"}
    assert set(documented) == keys | set(spec.EXPECTATIONS)
    for name, unit in spec.EXPECTATIONS.items():
        assert documented[name]["Unit"] == unit
        assert with_sigma(bare(documented[name]["Example"]), unit)[1] > 0


def test_the_whole_bench_of_the_reference_is_valid_and_uses_every_key(tmp_path: Path) -> None:
    (block,) = re.findall(r"^```yaml\n(.*?)^```$", text_of("benches.md"), re.MULTILINE | re.DOTALL)
    path = tmp_path / "bench.yaml"
    path.write_text(block, encoding="utf-8")
    for name in ("station.yaml", "world.yaml"):
        (tmp_path / name).write_text("", encoding="utf-8")
    found = read_bench(path)
    assert found.warnings == ()
    assert set(found.calibrations) == set(calibration_kinds.KEYS)
    assert {limit.name for limit in found.limits} == set(limits.UNITS)
    assert {role.kind for role in found.roles.values()} == set(SHIPPED_ROLES)
    assert all(re.search(rf"^{key}:", block, re.MULTILINE) for key in _KEYS)


# procedures -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PROCEDURES)
def test_every_parameter_column_and_role_of_a_procedure_is_documented(name: str) -> None:
    procedure, text = find("procedures", name), text_of(f"procedures/{PROCEDURES[name]}.md")
    parameters = {row["Parameter"]: row for row in rows(section(text, "Parameters"))}
    assert list(parameters) == list(procedure.model_fields)
    for key, info in procedure.model_fields.items():
        extra = extra_of(info)
        assert parameters[key]["Unit"] == (extra["unit"] or "-"), key
        assert same(bare(parameters[key]["Default"]), getattr(procedure(), key), extra["unit"]), key
    columns = {row["Column"]: row["Unit"] for row in rows(section(text, "Columns"))}
    assert list(columns.items()) == [(column.name, column.unit) for column in procedure.columns]
    roles = {row["Role"]: row["Needed"] for row in rows(section(text, "Set-up")) if "Role" in row}
    wanted = {key: need for key, need in procedure.roles().items() if key not in ("clock", "ledger")}
    assert roles == {key: "optional" if need.optional else "required" for key, need in wanted.items()}


def test_the_rows_of_a_default_saturation_run_are_counted_rightly() -> None:
    procedure = find("procedures", "TwoPhotonSaturation")()
    powers = len(procedure.powers)
    references = -(-powers // procedure.reference_every) + 1
    parts = (2 * procedure.darks, powers, references, 1, len(set(procedure.powers)), 5)
    with closed_bench(procedure.table) as bench:
        assert plan(procedure, bench).rows == sum(parts)
    sum_of = f"{' + '.join(map(str, parts))} = {sum(parts)} rows"
    assert sum_of in text_of("procedures/two_photon_saturation.md")


def test_every_systematic_of_the_saturation_analysis_is_explained() -> None:
    text = section(text_of("procedures/two_photon_saturation.md"), "6. Systematics")
    assert {row["Name"] for row in rows(text)} == set(figure.CAUSES)


@pytest.mark.parametrize("name", PROCEDURES.values())
def test_the_software_says_what_the_table_of_failures_quotes(name: str) -> None:
    package = DOCS.parent / "perovskite_meas"
    source = "".join(path.read_text(encoding="utf-8") for path in package.rglob("*.py"))
    source = re.sub(r'"\s*\n\s*f?"', "", source)
    quotes = [
        part.strip(" ,")
        for row in rows(section(text_of(f"procedures/{name}.md"), "Failure modes"))
        for quote in re.findall(r'"([^"]+)"', row["What the software says"])
        for part in quote.split("...")
    ]
    assert len(quotes) >= 3
    for quote in filter(None, quotes):
        assert quote in source, quote


def same(written: str, value: Any, unit: str | None) -> bool:
    if isinstance(value, Sweep):
        return tuple(as_sweep(written, unit or "1")) == pytest.approx(tuple(value))
    if unit is not None and value is not None:
        return to_unit(written, unit) == pytest.approx(value)
    return written == str(value).lower()


# delays ---------------------------------------------------------------------------------------------------


def test_the_station_of_the_page_on_delays_opens_and_moves(tmp_path: Path) -> None:
    (block,) = re.findall(r"^```yaml\n(.*?)^```$", text_of("delays.md"), re.MULTILINE | re.DOTALL)
    (tmp_path / "station.yaml").write_text(block, encoding="utf-8")
    station = Station(config_file=str(tmp_path / "station.yaml"), default=False)
    try:
        stage, piezo, line = (station.load_instrument(name) for name in ("stage", "piezo", "line"))
        stage.axis1.home()
        line.delay(3.0)
        line.fine_delay(1.0)
        assert stage.axis1.position() == pytest.approx(12.5 + 3.0 / line.scale.per_length, abs=1e-4)
        assert piezo.position() == pytest.approx(7.5 + 1.0 / line.scale.per_length, abs=0.05)
    finally:
        station.close_all_registered_instruments()


def test_every_driver_of_the_page_on_delays_exists() -> None:
    for row in rows(section(text_of("delays.md"), "The controllers")):
        for name in re.findall(r"`(\w+)`", "`" + row["Driver"]):
            assert hasattr(drivers, name), name


def test_every_fault_of_the_page_on_the_virtual_laboratory_exists() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in (DOCS.parent / "perovskite_meas/sim").rglob("*.py"))
    told = rows(section(text_of("virtual.md"), "Faults and light"))
    assert len(told) >= 7
    for name in re.findall(r"`(\w+)\(", "".join(row["Faults"] for row in told)):
        assert f"def {name}(self" in source, name


# all documents --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_every_link_between_documents_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_every_file_of_the_package_that_a_document_names_exists(path: Path) -> None:
    named = re.findall(r"`((?:perovskite_meas|station_configs|tests|docs)/[\w./]+)`", path.read_text(encoding="utf-8"))
    for target in named:
        assert (DOCS.parent / target).exists(), target


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((DOCS.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {re.split(r"[\s<>=\[;]", entry)[0] for entry in project["dependencies"]}
    reasons = {row["Package"]: row["Why"] for row in rows(text_of("decisions/0005-dependencies.md"))}
    assert set(reasons) == wanted
    assert all(reasons.values())


def test_every_decision_says_context_decision_and_consequences_and_is_in_the_index() -> None:
    index = text_of("index.md")
    found = sorted((DOCS / "decisions").glob("*.md"))
    assert [path.name[:4] for path in found] == [f"{number:04d}" for number in range(1, len(found) + 1)]
    for path in found:
        headings = re.findall(r"^## (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert headings == ["Context", "Decision", "Consequences"], path.name
        assert f"(decisions/{path.name})" in index, path.name
