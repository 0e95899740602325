"""Writers that are killed, and files that are read while they are written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from perovskite_meas.core.tags import Tags
from perovskite_meas.photons.files import PhotonHdf5Writer, PtuWriter, open_tags

WRITERS = {".ptu": "PtuWriter", ".h5": "PhotonHdf5Writer"}
PIECE = 5000
CODE = """
import sys
import numpy as np
from perovskite_meas.core.tags import Tags
from perovskite_meas.photons.files import {writer}
writer = {writer}({path!r})
for k in range(1, 1000):
    times = np.arange(k * 10**9, k * 10**9 + {piece})
    channels = np.full({piece}, k % 2, np.uint8)
    mark = np.array([k % 15 + 1], np.uint8)
    writer.write(Tags(times, channels, int(times[-1]), marker_times=times[:1], marker_values=mark))
    print(k, flush=True)
"""


# Killed between the records and the header that promises them: what it does not promise is left out, and said so.
@pytest.mark.filterwarnings("ignore:.*after the .* records that the header promises are left out")
@pytest.mark.parametrize("suffix", WRITERS)
def test_a_killed_process_leaves_everything_that_it_had_written(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    code = CODE.format(writer=WRITERS[suffix], path=str(path), piece=PIECE)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) == 5:
                break
        process.kill()
        announced = int([line, *process.stdout][-1])
    with open_tags(path) as file:
        kept = file.read()
    pieces = len(kept) // PIECE
    assert announced <= pieces <= announced + 1
    expected = np.concatenate([np.arange(k * 10**9, k * 10**9 + PIECE) for k in range(1, pieces + 1)])
    np.testing.assert_array_equal(kept.times[: len(expected)], expected)
    np.testing.assert_array_equal(kept.channels[: len(expected)], np.repeat(np.arange(1, pieces + 1) % 2, PIECE))
    assert kept.marker_times[:announced].tolist() == [k * 10**9 for k in range(1, announced + 1)]
    assert kept.marker_values[:announced].tolist() == [k % 15 + 1 for k in range(1, announced + 1)]


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_file_can_be_read_while_it_grows(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    make = PtuWriter if suffix == ".ptu" else PhotonHdf5Writer
    with make(path) as writer:
        for k in range(1, 4):
            writer.write(Tags(np.array([k]), np.zeros(1, np.uint8), k * 10**12))
            if suffix == ".ptu":
                with open_tags(path) as file:
                    assert (len(file.read()), file.duration) == (k, k * 10**12)
    with open_tags(path) as file:
        assert file.read().times.tolist() == [1, 2, 3]
