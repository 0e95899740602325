"""Optical Bloch equations of a ground state and one or two excited states, through two finite pulses."""

from __future__ import annotations

import cmath
import math

import numpy as np
from numpy.typing import NDArray

from perovskite_meas.core.compiled import compiled, inlined

from ..noise import Floats

Complexes = NDArray[np.complex128]


@inlined
def _envelope(shape: int, x: float) -> float:
    if shape == 0:
        return math.exp(-0.5 * x * x)
    if shape == 1:
        return 1.0 / math.cosh(x)
    return 1.0


State = tuple[float, float, complex, complex, complex]
"""Populations of both excited states, their coherences with the ground state, and that between them."""


@compiled
def _slope(state: State, w: complex, line: tuple[float, ...]) -> State:
    """Return the rate of change, 1/ps, in a field of Rabi frequency `w`; `line` as in `photons`."""
    n1, n2, x1, x2, y = state
    d1, d2, e1, e2, g1, g2 = line
    ground = 1.0 - n1 - n2
    half = 0.5 * w
    dn1 = d1 * (w * x1.conjugate()).imag - g1 * n1
    dn2 = d2 * (w * x2.conjugate()).imag - g1 * n2
    dx1 = -1j * (e1 * x1 + half * (d1 * (ground - n1) - d2 * y)) - g2 * x1
    dx2 = -1j * (e2 * x2 + half * (d2 * (ground - n2) - d1 * y.conjugate())) - g2 * x2
    dy = -1j * ((e1 - e2) * y + half * d1 * x2.conjugate() - half.conjugate() * d2 * x1) - g1 * y
    return dn1, dn2, dx1, dx2, dy


@inlined
def _ahead(state: State, step: float, slope: State) -> State:
    return (
        state[0] + step * slope[0],
        state[1] + step * slope[1],
        state[2] + step * slope[2],
        state[3] + step * slope[3],
        state[4] + step * slope[4],
    )


@compiled
def photons(
    phases: Floats,
    edges: Floats,
    on_a: NDArray[np.bool_],
    on_b: NDArray[np.bool_],
    tau: float,
    peak_a: float,
    peak_b: float,
    shape: int,
    scale: float,
    longest: float,
    line: tuple[float, ...],
) -> Floats:
    """Return the photons that a pair of pulses makes the dot emit, for each phase of the second pulse.

    Rotating frame of the laser, classical fourth-order Runge-Kutta while there is light, exact in the dark.
    Relaxation: populations 1/T1; coherence with the ground state 1/T2; between the excited states 1/T1 (their
    energies fluctuate together), which is completely positive for T2 <= 2 T1.

    Args:
        phases: of the second pulse's field against the first, rad, shape (n,).
        edges: moments at which a pulse begins or ends, ps, sorted, shape (m + 1,); the first pulse is at 0.
        on_a: whether the first pulse is on between them, shape (m,).
        on_b: whether the second is.
        tau: middle of the second pulse, ps.
        peak_a: Rabi frequency at the first pulse's peak, rad/ps.
        peak_b: at the second's.
        shape: code of the pulse.
        scale: of the pulse, ps.
        longest: step, ps.
        line: d1, d2, e1, e2, g1, g2: dipoles of both lines (d1^2 + d2^2 = 1), each line minus laser (rad/ps),
            1/T1 and 1/T2 (1/ps).
    """
    _, _, e1, e2, g1, g2 = line
    found = np.empty(len(phases))
    for place in range(len(phases)):
        turn = cmath.exp(1j * phases[place])
        n1, n2, emitted = 0.0, 0.0, 0.0
        x1, x2, y = 0j, 0j, 0j
        for piece in range(len(on_a)):
            begin, length = edges[piece], edges[piece + 1] - edges[piece]
            if length <= 0.0:
                continue
            if not (on_a[piece] or on_b[piece]):
                kept = math.exp(-g1 * length)
                emitted += (n1 + n2) * (1.0 - kept)
                n1 *= kept
                n2 *= kept
                x1 *= cmath.exp(-(g2 + 1j * e1) * length)
                x2 *= cmath.exp(-(g2 + 1j * e2) * length)
                y *= cmath.exp(-(g1 + 1j * (e1 - e2)) * length)
                continue
            steps = max(1, math.ceil(length / longest))
            h = length / steps
            for step in range(steps):
                t = begin + step * h
                w0, w1, w2 = 0j, 0j, 0j
                if on_a[piece]:
                    w0 += peak_a * _envelope(shape, t / scale)
                    w1 += peak_a * _envelope(shape, (t + 0.5 * h) / scale)
                    w2 += peak_a * _envelope(shape, (t + h) / scale)
                if on_b[piece]:
                    w0 += peak_b * turn * _envelope(shape, (t - tau) / scale)
                    w1 += peak_b * turn * _envelope(shape, (t + 0.5 * h - tau) / scale)
                    w2 += peak_b * turn * _envelope(shape, (t + h - tau) / scale)
                k = 0.5 * h
                state = (n1, n2, x1, x2, y)
                a = _slope(state, w0, line)
                b = _slope(_ahead(state, k, a), w1, line)
                c = _slope(_ahead(state, k, b), w1, line)
                d = _slope(_ahead(state, h, c), w2, line)
                sixth = h / 6.0
                before = n1 + n2
                middle = before + k * (b[0] + b[1])
                n1 += sixth * (a[0] + 2.0 * b[0] + 2.0 * c[0] + d[0])
                n2 += sixth * (a[1] + 2.0 * b[1] + 2.0 * c[1] + d[1])
                x1 += sixth * (a[2] + 2.0 * b[2] + 2.0 * c[2] + d[2])
                x2 += sixth * (a[3] + 2.0 * b[3] + 2.0 * c[3] + d[3])
                y += sixth * (a[4] + 2.0 * b[4] + 2.0 * c[4] + d[4])
                emitted += g1 * sixth * (before + 4.0 * middle + n1 + n2)
        found[place] = emitted + n1 + n2
    return found
