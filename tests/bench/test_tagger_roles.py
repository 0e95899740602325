"""The tagger and the reference light: what they ask of instruments, what they keep, and what they refuse."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perovskite_meas.bench.recordings import Recordings
from perovskite_meas.core.errors import HardwareFault, LimitError, ReplyError, UsageError
from perovskite_meas.core.tags import Tags
from perovskite_meas.photons.marks import END as END_MARK

ROLES = """  tagger: {use: harp.tags, time: harp.seconds, mode: harp.mode, sync: harp.sync, dead_time: 45 ns}
  reference: {use: sc10b.state}
"""


def recording(count: int = 1000, *, seconds: float = 1.0, pulsed: bool = True, overflow: bool = False) -> Tags:
    times = np.linspace(0, seconds * 1e12 * 0.999, count).astype(np.int64)
    pulses = times // 200_000
    return Tags(
        times=times,
        channels=np.arange(count).astype(np.uint8) % 2,
        duration=round(seconds * 1e12),
        pulses=pulses if pulsed else None,
        dtimes=(times - pulses * 200_000).astype(np.int32) if pulsed else None,
        period=200_000.0 if pulsed else None,
        overflow=overflow,
    )


@pytest.fixture
def tagged(make: Any, lab: Any) -> Any:
    """A bench with a tagger and a reference light over fake parameters."""
    values = {"harp.tags": recording(), "harp.seconds": 0.0, "harp.mode": "", "harp.sync": 5e6, "sc10b.state": "open"}
    kind = type(lab["sc10.state"])
    lab.parameters.update({name: kind(name, object(), lab, value) for name, value in values.items()})
    return make({"  scanner:": ROLES + "  scanner:", "[shutter.block,": "[shutter.block, reference.block,"})


class Written:
    """A tag file that remembers what came."""

    def __init__(self, path: Path) -> None:
        self.events: list[Any] = []
        self.records = 0
        self.path = path
        path.write_bytes(b"")

    def write(self, tags: Tags) -> None:
        self.events.append(tags)

    def mark(self, value: int, time: int) -> None:
        self.events.append((value, time))

    def flush(self) -> None:
        self.events.append("flush")

    def whole(self) -> Any:
        return nullcontext()

    def close(self) -> None:
        self.events.append("close")


def test_pulses_on_the_sync_ask_for_t3_and_none_for_t2(tagged: Any, lab: Any) -> None:
    tagger = tagged.roles["tagger"]
    tagger.begin()
    assert tagger.sync_rate() == 5e6
    assert lab["harp.mode"].value == "T3"
    lab["harp.sync"].value = 0.0
    tagger.begin()
    tagger.sync_rate()
    assert lab["harp.mode"].value == "T2"


def test_a_recording_sets_its_length_once_and_is_watched_for_rate(tagged: Any, lab: Any) -> None:
    tagger = tagged.roles["tagger"]
    tagger.begin()
    assert len(tagger.acquire(1.0)) == 1000
    tagger.acquire(1.0)
    assert lab.log.count(("harp.seconds", 1.0)) == 1
    lab["harp.tags"].value = recording(10_000, seconds=1e-3)
    with pytest.raises(LimitError, match=r"count rate 5 Mcps on tagger .*, detector 1 \(input 0\) exceeds the limit"):
        tagger.acquire(1e-3)


def test_lost_events_are_a_fault_that_says_what_to_do(tagged: Any, lab: Any) -> None:
    lab["harp.tags"].value = recording(overflow=True)
    with pytest.raises(HardwareFault, match="lost events in a recording of 1000 photons: less light"):
        tagged.roles["tagger"].acquire(1.0)


def test_a_parameter_that_is_no_recording_is_named(tagged: Any, lab: Any) -> None:
    lab["harp.tags"].value = 7
    with pytest.raises(ReplyError, match=r"tagger \(harp.tags.*a recording is a Tags object; got int"):
        tagged.roles["tagger"].acquire(1.0)


def test_a_recording_of_no_length_is_refused(tagged: Any) -> None:
    with pytest.raises(UsageError, match="record for more than 0 s"):
        tagged.roles["tagger"].acquire(0.0)


def test_the_reference_light_is_blocked_however_its_block_ends(tagged: Any, lab: Any) -> None:
    reference = tagged.roles["reference"]
    reference.begin()
    assert lab["sc10b.state"].value == "closed"

    def interrupted() -> None:
        with reference.shining():
            assert lab["sc10b.state"].value == "open"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert lab["sc10b.state"].value == "closed"


def test_reference_light_that_stays_open_is_a_fault(tagged: Any, lab: Any) -> None:
    lab["sc10b.state"].answer = lambda: "open"
    with pytest.raises(HardwareFault, match="reference light may be on the detectors"):
        tagged.roles["reference"].block()


def test_recordings_of_one_run_follow_each_other_in_one_file(tmp_path: Path) -> None:
    made: list[Written] = []
    recordings = Recordings(lambda path, tags: made.append(Written(path)) or made[-1])  # type: ignore[func-returns-value]
    recordings.begin(tmp_path)
    recordings.append("photons", recording(), 3, 100.0)
    recordings.append("photons", recording(), 1, 101.7)
    recordings.end()
    events = made[0].events
    assert [event for event in events if not isinstance(event, Tags)] == [
        (3, 0), (END_MARK, 10**12), "flush", (1, 1_700_000_000_000), (END_MARK, 2_700_000_000_000), "flush", "close",
    ]  # fmt: skip
    second = events[5]
    assert second.pulses[0] == 8_500_000
    assert second.times[0] == 1_700_000_000_000
    assert recordings.facts()["photons"] == {
        "file": "photons.ptu",
        "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "photons": 2000,
    }


def test_a_file_holds_recordings_of_one_kind(tmp_path: Path) -> None:
    recordings = Recordings(lambda path, tags: Written(path))
    recordings.begin(tmp_path)
    recordings.append("photons", recording(), 1, 0.0)
    with pytest.raises(UsageError, match="holds T3 recordings; this one is T2: the sync was lost"):
        recordings.append("photons", recording(pulsed=False), 1, 2.0)


def test_nothing_is_kept_without_a_folder(tmp_path: Path) -> None:
    recordings = Recordings(lambda path, tags: pytest.fail("made a file"))
    recordings.begin(None)
    recordings.append("photons", recording(), 1, 0.0)
    assert recordings.facts() == {}


def test_an_optional_role_may_be_absent_and_is_then_named_where_it_is_needed(make: Any, lab: Any) -> None:
    from perovskite_meas.core.errors import BenchError
    from perovskite_meas.procedures import HBT

    optional = "  tagger: {use: harp.tags, time: harp.seconds, optional: true}\n"
    bench = make({"  scanner:": optional + "  scanner:"})
    assert set(bench.absent) == {"tagger"}
    assert bench.make_safe() == []
    with pytest.raises(BenchError, match=r"needs the role .tagger., which is not filled here: no parameter"):
        bench.bind(HBT())
    with pytest.raises(BenchError, match=r"roles.tagger: no parameter 'harp.tags'"):
        make({"  scanner:": optional.replace(", optional: true", "") + "  scanner:"})
