"""`pmeas analyze FILE`: what it takes for tags, what it refuses, and what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perovskite_meas.cli.main import main
from perovskite_meas.core.errors import UsageError
from perovskite_meas.core.tags import Tags
from perovskite_meas.hosts.tag_files import analyse_tags
from perovskite_meas.photons.files import TagFileError, write_ptu

PERIOD = 200_000.0
SECONDS = 1


def recording(
    *, photons: int = 8_000, inputs: tuple[int, ...] = (0, 1), period: float | None = PERIOD, resolution: float = 10.0
) -> Tags:
    """Return light with a lifetime of 10 ns, or without pulses."""
    rng = np.random.default_rng(1)
    channels = rng.choice(inputs, photons).astype(np.uint8)
    if period is None:
        times = np.sort(rng.integers(0, SECONDS * 10**12, photons)) // 10 * 10
        return Tags(times, channels, SECONDS * 10**12, resolution=resolution)
    pulses = np.sort(rng.integers(0, round(SECONDS * 1e12 / period), photons))
    dtimes = ((2000 + rng.exponential(10_000, photons) % (period - 4000)) / resolution).astype(np.int32)
    times = np.rint(pulses * period + dtimes * resolution).astype(np.int64)
    return Tags(times, channels, SECONDS * 10**12, pulses=pulses, dtimes=dtimes, period=period, resolution=resolution)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_ptu("dot.ptu", recording())
    return tmp_path


SHORT = ("--set", "max_pulses=20")


@pytest.mark.parametrize("name", ["background", "dark", "reference"])
@pytest.mark.parametrize(
    ("own", "beside", "says"),
    [
        ({}, {"period": None}, ("is T2", "is T3")),
        ({"period": None}, {}, ("is T2", "is T3")),
        ({}, {"period": PERIOD * 1.01}, ("202000 ps", "200000 ps")),
        ({}, {"resolution": 64.0}, ("T3 (64 ps", "T3 (10 ps", "their bins differ")),
    ],
)
def test_a_recording_of_another_kind_beside_the_emitter_is_refused_with_both_names(
    name: str, own: dict[str, Any], beside: dict[str, Any], says: tuple[str, ...], tmp_path: Path
) -> None:
    dot, other = tmp_path / "dot.ptu", tmp_path / "other.ptu"
    write_ptu(dot, recording(**own))
    write_ptu(other, recording(**beside))
    with pytest.raises(UsageError) as refused:
        analyse_tags(dot, (), into=tmp_path / "runs", **{name: str(other)})
    for word in (*says, str(dot), str(other), name):
        assert word in str(refused.value)
    assert not list(tmp_path.glob("runs/*TagFile*"))


def test_recordings_of_one_kind_are_counted(here: Path) -> None:
    for name, change in (("beside.ptu", 1 + 1e-4), ("prompt.ptu", 1.0)):
        write_ptu(name, recording(period=PERIOD * change))
    record = analyse_tags("dot.ptu", (), background="beside.ptu", reference="prompt.ptu", max_pulses=20)
    assert {1, 3, 0} == set(record.data["series"].values.tolist())


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("detectors=0,0", "both are input 0"),
        ("detectors=0,5", "input 5 has no photons in dot.ptu; inputs with photons: 0 ("),
        ("detectors=-1,0", "counted from 0"),
        ("detectors=0", "write two inputs"),
        ("period=100 ns", "period = 100000 ps, but dot.ptu states 200000 ps itself"),
        ("background=missing.ptu", "background = 'missing.ptu': there is no such file"),
        ("reference=missing.ptu", "reference = 'missing.ptu': there is no such file"),
        ("file=other.ptu", "the file is dot.ptu"),
    ],
)
def test_wrong_settings_end_with_two(here: Path, setting: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", "dot.ptu", "--set", setting]) == 2
    assert says in capsys.readouterr().err


def test_the_inputs_without_photons_are_told_with_the_counts_of_the_others(tmp_path: Path) -> None:
    tags = recording(photons=500, inputs=(1, 3))
    write_ptu(tmp_path / "dot.ptu", tags)
    counts = [int((tags.channels == one).sum()) for one in (1, 3)]
    with pytest.raises(UsageError, match=rf"inputs with photons: 1 \({counts[0]}\), 3 \({counts[1]}\)"):
        analyse_tags(tmp_path / "dot.ptu", (), into=tmp_path, detectors="0,1")


def test_the_period_that_a_file_states_may_be_given_too(here: Path) -> None:
    assert analyse_tags("dot.ptu", (), period="200.01 ns", max_pulses=20).data["period"].values[0] == PERIOD


@pytest.mark.parametrize("only", [pytest.param(0, marks=pytest.mark.slow), 2])
def test_one_detector_has_a_lifetime_and_no_g2(only: int, tmp_path: Path) -> None:
    write_ptu(tmp_path / "dot.ptu", recording(inputs=(only,)))
    record = analyse_tags(tmp_path / "dot.ptu", into=tmp_path, max_pulses=20)
    assert {"lifetime", "blinking"} == set(record.results)
    (problem,) = record.problems
    assert "has no photons: g2 needs two detectors" in problem


def test_a_recording_of_few_photons_leaves_blinking_undecided(tmp_path: Path) -> None:
    write_ptu(tmp_path / "dot.ptu", recording(photons=30))
    record = analyse_tags(tmp_path / "dot.ptu", ["blinking"], into=tmp_path, max_pulses=20)
    assert record.problems == ()
    found = record.results["blinking"]
    assert found.verdict == "undecided"
    assert "too few photons" in found.reasons["on_fraction"]


def test_a_recording_no_brighter_than_its_background_leaves_blinking_undecided(here: Path) -> None:
    record = analyse_tags("dot.ptu", ["blinking"], background="dot.ptu", max_pulses=20)
    assert record.problems == ()
    assert "no emitter seen" in record.results["blinking"].notes[-1]


def test_tags_are_known_by_their_content(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "dot.ptu").rename("dot.backup")
    assert main(["analyze", "dot.backup", "--with", "lifetime", *SHORT]) == 0
    assert "lifetime:" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["noise.bin", "noise.ptu", "noise.h5", "noise"])
@pytest.mark.parametrize("content", [b"\x07noise" * 500, b"", b"\x89HDF\r\n\x1a\n" + b"\x07noise" * 500])
def test_bytes_that_are_no_tags_fail_with_the_name_that_was_typed(
    name: str, content: bytes, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "data").mkdir()
    (here / "data" / name).write_bytes(content)
    typed = f"data/{name}"
    assert main(["analyze", typed]) == 1
    err = capsys.readouterr().err
    assert typed in err
    assert "Error" not in err


def test_a_file_that_may_not_be_read_says_so(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Path.open

    def locked(self: Path, *how: Any, **more: Any) -> Any:
        if self.name == "dot.ptu":
            raise PermissionError(13, "Permission denied", str(self))
        return opened(self, *how, **more)

    monkeypatch.setattr(Path, "open", locked)
    with pytest.raises(TagFileError, match=r"^dot.ptu may not be read by this user") as refused:
        analyse_tags("dot.ptu", ())
    assert "Errno" not in str(refused.value)


@pytest.mark.parametrize("name", ["missing.ptu", "missing.bin", "missing"])
def test_a_missing_file_ends_with_two(name: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", name]) == 2
    assert name in capsys.readouterr().err


def test_results_come_in_the_order_of_the_procedure_with_their_notes(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["analyze", "dot.ptu", *SHORT]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line in ("g2:", "lifetime:", "blinking:")] == ["g2:", "lifetime:", "blinking:"]
    assert lines[lines.index("lifetime:") - 1].startswith("  note: ")
    values = [line for line in lines if line.startswith("  ") and not line.startswith("  note: ")]
    assert all(len(line.split()) > 1 for line in values), "an empty word is left out"
    assert all("  " in line.strip() for line in values), "names and values stand apart"
    folder = next((here / "runs").glob("*TagFile*"))
    assert main(["analyze", str(folder), "--with", "g2"]) == 0
    out = capsys.readouterr().out
    assert "g2:" in out
    assert "lifetime:" not in out


def test_a_dry_run_refuses_a_world_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    for world in ("nix", "nix.yaml"):
        assert main(["run", "HBT", "--dry-run", "--world", world]) == 2
        assert world in capsys.readouterr().err
