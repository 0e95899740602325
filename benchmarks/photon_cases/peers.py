"""Other people's correlators, each made ready by a function that returns what is timed."""

from collections.abc import Callable
from typing import Any

import numpy as np

Tool = Callable[[], Any]


def pytimetag_linear(t1: Any, t2: Any, width: int, high: int) -> Tool:
    """Plain two-pointer walk in numba."""
    from pytimetag.analysers.HistogramAnalyser import analysisOneListJIT

    return lambda: analysisOneListJIT(t1, t2, float(-high), float(high), 2 * high // width, 1)


def tttrlib_linear(t1: Any, t2: Any, width: int, high: int) -> Tool:
    """Two directions of one cascade on tags floored to the bin width; not the same histogram."""
    import tttrlib

    def direction(first: Any, second: Any) -> Any:
        made = tttrlib.Correlator()
        made.method, made.n_bins, made.n_casc = "wahl", high // width, 1
        # Never set_macrotimes: it writes past its buffer where the streams differ in length.
        made.set_events(first, np.ones(len(first)), second, np.ones(len(second)))
        return np.array(made.get_corr())

    one, two = ((times // width).astype(np.uint64) for times in (t1, t2))
    return lambda: (direction(one, two), direction(two, one))


def pycorrelate_linear(t1: Any, t2: Any, width: int, high: int) -> Tool:
    """Laurence's algorithm in numba; its cost grows with the number of bins."""
    from pycorrelate import pcorrelate

    edges = np.arange(-high, high + width, width).astype(float)
    pcorrelate(t1[:100], t2[:100], edges)
    return lambda: pcorrelate(t1, t2, edges)


def pyfcs_linear(t1: Any, t2: Any, width: int, high: int) -> Tool:
    """Laurence's algorithm in C, two directions."""
    edges = np.arange(0, high + width, width)
    return lambda: (_pyfcs(t1, t2, edges), _pyfcs(t2, t1, edges))


def _pyfcs(t1: Any, t2: Any, edges: Any) -> Any:
    import pyFCS

    return pyFCS.correlate(t1, t2, edges, normalize=False, norm_bin_width=False, max_cores=1)


def log_edges(first: int = 1000, last: int = 10**12, per_decade: int = 10) -> Any:
    """Return 90 logarithmic bins from 1 ns to 1 s, in ps."""
    decades = np.log10(last / first)
    return np.unique(np.rint(np.geomspace(first, last, round(decades * per_decade) + 1)).astype(np.int64))


def pycorrelate_log(t1: Any, t2: Any) -> Tool:
    """Exact pair counts in 90 bins."""
    from pycorrelate import pcorrelate

    edges = log_edges().astype(float)
    pcorrelate(t1[:100], t2[:100], edges)
    return lambda: pcorrelate(t1, t2, edges)


def pyfcs_log(t1: Any, t2: Any) -> Tool:
    """Exact pair counts in 90 bins."""
    edges = log_edges()
    return lambda: _pyfcs(t1, t2, edges)


def tttrlib_log(t1: Any, t2: Any, method: str) -> Tool:
    """Multi-tau of 16 lags in 27 cascades from 1 ns."""
    import tttrlib

    one, two = ((times // 1000).astype(np.uint64) for times in (t1, t2))

    def run() -> Any:
        made = tttrlib.Correlator()
        made.method, made.n_bins, made.n_casc = method, 16, 27
        made.set_events(one, np.ones(len(one)), two, np.ones(len(two)))
        return np.array(made.get_corr())

    return run


def trattoria_g2(path: str, width: int, high: int) -> Tool:
    """From a HydraHarp T2 file, in Rust."""
    import trattoria

    asked = trattoria.G2Parameters(
        channel_1=0, channel_2=1, correlation_window=high * 1e-12, resolution=width * 1e-12, record_ranges=None
    )
    return lambda: trattoria.PTUFile(path).g2(asked)


def ptufile_g2(path: str, width: int, high: int) -> Tool:
    """Decode with ptufile, drop the overflows, split, and correlate with pytimetag's walk."""
    import ptufile
    from pytimetag.analysers.HistogramAnalyser import analysisOneListJIT

    def run() -> Any:
        with ptufile.PtuFile(path) as file:
            decoded = file.decode_records()
        one, two = (np.ascontiguousarray(decoded["time"][decoded["channel"] == n]).astype(np.int64) for n in (0, 1))
        return analysisOneListJIT(one, two, float(-high), float(high), 2 * high // width, 1)

    return run
