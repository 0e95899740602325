"""SIGKILL at any moment: what was yielded is in the database."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from perovskite_meas import load_record
from perovskite_meas.hosts.records import reanalyse

RUN = """
import sys
from perovskite_meas import load_bench, run
from perovskite_meas.hosts import _store
from perovskite_meas.procedures import TwoPhotonSaturation

write = _store.DatasetSink.write
def told(sink, row):
    write(sink, row)
    print(len(sink.rows), flush=True)
_store.DatasetSink.write = told
with load_bench("virtual_confocal") as bench:
    run(TwoPhotonSaturation(), bench, into=sys.argv[1], progress=False)
"""


def started(tmp_path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", RUN, str(tmp_path)], stdout=subprocess.PIPE, text=True)


def told_rows(process: subprocess.Popen[str], rows: int) -> int:
    assert process.stdout is not None
    last = 0
    while last < rows:
        last = int(process.stdout.readline())
    return last


# One moment by default: what lies in the database does not depend on how many rows lie before.
@pytest.mark.parametrize("rows", [20, *(pytest.param(rows, marks=pytest.mark.slow) for rows in (1, 60))])
def test_after_sigkill_every_row_that_was_stored_is_found_and_analysed(tmp_path: Path, rows: int) -> None:
    process = started(tmp_path)
    told_rows(process, rows)
    process.kill()
    rest = process.communicate()[0].split()
    last = int(rest[-1]) if rest else rows
    folder = next(tmp_path.glob("*TwoPhoton*"))
    record = load_record(folder)
    assert record.status == "interrupted"
    assert record.data.sizes["row"] >= last
    assert not (folder / "data.nc").exists()
    again = reanalyse(record)
    assert (folder / "data.nc").is_file()
    assert (folder / "report.html").is_file()
    assert again.status == "interrupted"
    assert load_record(folder).data.sizes["row"] == record.data.sizes["row"]
    assert load_record(1, into=tmp_path).guid == record.guid


@pytest.mark.skipif(sys.platform == "win32", reason="Windows delivers no SIGTERM to another process")
# Ctrl-C from outside is also sent to the command line, in test_hard_life.py.
@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_polite_request_to_stop_ends_in_the_safe_state_with_data_and_report(tmp_path: Path, number: int) -> None:
    process = started(tmp_path)
    told_rows(process, 10)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode != 0
    folder = next(tmp_path.glob("*TwoPhoton*"))
    record = load_record(folder)
    assert record.status == "aborted"
    assert record.data.sizes["row"] >= 10
    assert (folder / "report.html").is_file()
