"""HBT on the virtual table, through drivers and hosts: every photon kept, every end safe."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from perovskite_meas import load_bench, load_record, run
from perovskite_meas.core.errors import UsageError
from perovskite_meas.hosts.tag_files import analyse_tags
from perovskite_meas.photons import read_tags, segments
from perovskite_meas.procedures import HBT, TwoPhotonSaturation

SHORT = {
    "duration": "6 s",
    "chunk": "2 s",
    "background_time": "2 s",
    "dark_time": "1 s",
    "control_time": "2 s",
    "max_pulses": 50,
}


def world_of(bench: Any) -> Any:
    return next(iter(bench.libraries.values())).world


def series(data: xr.Dataset) -> list[int]:
    return [int(kind) for kind in data["series"].values]


@pytest.fixture
def rows_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the analyses out, where nothing but rows and light is asked for."""
    monkeypatch.setattr(HBT, "analyses", ())


@pytest.fixture(scope="module")
def pulsed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One short pulsed run, with the truths of its world."""
    with load_bench("virtual_confocal", world="hbt_pulsed", seed=5) as bench:
        record = run(HBT(**SHORT), bench, into=tmp_path_factory.mktemp("pulsed"))
        return record, world_of(bench).truths()


def test_rows_come_as_dark_reference_background_and_chunks(pulsed: Any) -> None:
    record, _ = pulsed
    assert record.status == "completed"
    assert record.problems == ()
    assert series(record.data) == [2, 3, 1, 0, 0, 0]
    assert np.all(record.data["period"].values == pytest.approx(200_000, rel=1e-4))
    assert record.data["g2_running"].values[-1] == pytest.approx(0.05, abs=5 * record.data["g2_sigma"].values[-1])
    assert set(record.results) == {"g2", "lifetime", "blinking"}


def test_the_raw_tags_lie_beside_the_rows_and_the_dataset_knows_them(pulsed: Any) -> None:
    record, _ = pulsed
    path = record.folder / "photons.ptu"
    kept = record.data.attrs["photons"]
    assert kept["path"] == str(path)
    assert kept["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert json.loads(record.dataset.metadata["perovskite_meas_recordings"])["photons"]["sha256"] == kept["sha256"]
    assert load_record(record.folder).data.attrs["photons"] == kept
    tags = read_tags(path)
    total = record.data["singles_a"].values.sum() + record.data["singles_b"].values.sum()
    assert len(tags) == kept["photons"] == total
    assert [mark for mark, *_ in segments(tags)] == [1 + kind for kind in series(record.data)]


def test_the_kept_file_alone_gives_the_rows_again(pulsed: Any, tmp_path: Path) -> None:
    record, _ = pulsed
    again = analyse_tags(record.folder / "photons.ptu", ["g2"], into=tmp_path, max_pulses=50)
    assert series(again.data) == series(record.data)
    for name in ("histogram", "pulse_pairs", "pulse_pairs_gated", "decay_a", "decay_b", "singles_a", "singles_b"):
        np.testing.assert_array_equal(again.data[name].values, record.data[name].values, err_msg=name)
    found, before = again.results["g2"].g2_zero, record.results["g2"].g2_zero
    assert found.nominal == pytest.approx(before.nominal, abs=before.sigma)  # a bare file knows no dead time


def test_lifetime_and_zero_lag_are_those_of_the_world(pulsed: Any) -> None:
    record, truths = pulsed
    assert abs(record.results["lifetime"].lifetime.pull(truths["lifetime"])) < 4
    assert abs(record.results["g2"].g2_zero.pull(truths["g2_zero"])) < 4
    assert abs(record.results["g2"].zero_lag.pull(3.2)) < 4


def test_the_response_of_the_day_is_kept_as_a_calibration(pulsed: Any) -> None:
    record, _ = pulsed
    assert (record.folder / "calibrations" / "irf.yaml").is_file()


def test_continuous_excitation_is_recorded_as_such(tmp_path: Path) -> None:
    with load_bench("virtual_confocal", world="hbt_cw", seed=2) as bench:
        record = run(HBT(**SHORT), bench, into=tmp_path)
    assert record.problems == ()
    assert not read_tags(record.folder / "photons.ptu").is_pulsed
    assert np.all(record.data["period"].values == 0)
    assert record.results["lifetime"].lifetime is None
    assert record.results["g2"].antibunching_time is not None


@pytest.mark.usefixtures("rows_alone")
def test_a_run_stops_when_it_is_precise_enough(tmp_path: Path) -> None:
    with load_bench("virtual_confocal", world="hbt_pulsed", seed=3) as bench:
        procedure = HBT(**SHORT | {"duration": "60 s"}, precision=0.02)
        record = run(procedure, bench, into=tmp_path)
    sigmas = [sigma for sigma in record.data["g2_sigma"].values if sigma > 0]
    assert sigmas[-1] <= 0.02 < min(sigmas[:-1])


@pytest.mark.usefixtures("rows_alone")
def test_a_run_stops_at_its_dose(tmp_path: Path) -> None:
    with load_bench("virtual_confocal", seed=3) as bench:
        record = run(HBT(**SHORT | {"duration": "60 s"}, dose="4000 J/cm^2"), bench, into=tmp_path)
        assert 4000 <= bench.ledger.dose() < 8000
    assert 1 < series(record.data).count(0) < 8


@pytest.mark.usefixtures("rows_alone")
def test_a_bleached_emitter_ends_its_power(tmp_path: Path) -> None:
    world = tmp_path / "world.yaml"
    world.write_text("sample: {bleaching_dose: 1500 J/cm^2}\n", encoding="utf-8")
    with load_bench("virtual_confocal", world=world, seed=3) as bench:
        record = run(HBT(**SHORT | {"duration": "60 s"}), bench, into=tmp_path)
    assert record.status == "completed"
    assert 3 < series(record.data).count(0) < 20


@pytest.mark.usefixtures("rows_alone")
def test_ctrl_c_keeps_every_photon_so_far_and_leaves_the_sample_dark(tmp_path: Path) -> None:
    with load_bench("virtual_confocal", seed=3) as bench:
        world = world_of(bench)
        tagger, calls = bench.roles["tagger"], []
        take = tagger._take

        def interrupted(seconds: float) -> Any:
            calls.append(seconds)
            if len(calls) == 5:
                raise KeyboardInterrupt
            return take(seconds)

        tagger._take = interrupted
        with pytest.raises(KeyboardInterrupt) as stop:
            run(HBT(**SHORT), bench, into=tmp_path)
        assert not world.port("shutter").is_open(world.clock.now() + 1)
        assert not world.port("reference").is_open(world.clock.now() + 1)
    record = stop.value.record
    assert record.status == "aborted"
    assert series(record.data) == [2, 3, 1, 0]
    assert [mark for mark, *_ in segments(read_tags(record.folder / "photons.ptu"))] == [3, 4, 2, 1]


def test_the_biexciton_ratio_is_handed_on_and_the_excitation_is_linked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HBT, "analyses", ("g2",))
    with load_bench("virtual_confocal", seed=4) as bench:
        saturation = run(TwoPhotonSaturation(dwell="0.1 s"), bench, into=tmp_path)
        record = run(HBT(**SHORT, saturation=str(saturation.folder)), bench, into=tmp_path)
        linked = record.data["unit_power"].values[0]
        assert linked == pytest.approx(9.4e-6, rel=0.3)
        assert np.all(record.data["excitation_order"].values == 2)
        ratio = record.results["g2"].biexciton_ratio
        assert ratio is not None
        bench.expect("biexciton_ratio", ratio)
        stated = bench.conditions()["sample"]["expect"]["biexciton_ratio"]
        assert (stated["value"], stated["sigma"]) == pytest.approx((ratio.nominal, ratio.sigma))
        with pytest.raises(UsageError, match="did you mean 'biexciton_ratio'"):
            bench.expect("biexciton_ration", ratio)


def test_a_link_to_no_saturation_run_is_refused_before_any_light(tmp_path: Path) -> None:
    with load_bench("virtual_confocal") as bench:
        world = world_of(bench)
        with pytest.raises(UsageError, match="give the run folder of a TwoPhotonSaturation"):
            run(HBT(**SHORT, saturation=str(tmp_path)), bench, into=tmp_path)
        assert world.light_log() == []
