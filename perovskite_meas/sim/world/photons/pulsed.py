"""Photons of a dot under pulses: a jump process from one pulse with a detected photon to the next.

The state is the number of excitons left over when a pulse comes, 0 or 1. Every pulse adds a Poisson number;
all but the last of them fall at once, each with its chance of a photon, and the last one recombines or
lives until the next pulse (PHYSICS 3.6). Pulses without a detected photon are not visited: their number
follows from the powers of the 2 x 2 matrix of what happens undetected, so the cost is per photon.
"""

from __future__ import annotations

import math

import numpy as np

from perovskite_meas.core.compiled import compiled

from ..noise import Floats
from .streams import grown

BEGIN, END, EXCITATIONS, EFFICIENCY, LIFETIME, BIEXCITON, BLEACHING = range(7)
"""Columns of the pieces: ps, ps, <N>, detected photons per exciton at the begin, ps, ps, 1/ps."""
_MOST = 1e15
"""Pulses without a photon that are as good as forever."""


@compiled
def excitation_table(x: float, nodes: Floats, weights: Floats, table: Floats) -> int:
    """Fill table[n] with the probability that a pulse adds n excitons; return the highest n."""
    largest = 0.0
    for node in nodes:
        largest = max(largest, x * node)
    highest = min(len(table) - 2, int(largest + 12.0 * math.sqrt(largest) + 30.0))
    table[: highest + 1] = 0.0
    for place in range(len(nodes)):
        mean = x * nodes[place]
        probability = weights[place] * math.exp(-mean)
        table[0] += probability
        for n in range(1, highest + 1):
            probability *= mean / n
            table[n] += probability
    while highest > 1 and table[highest] < 1e-18 * x:
        highest -= 1
    return highest


@compiled
def pulsed_photons(
    rng: np.random.Generator,
    pieces: Floats,
    ratios: Floats,
    nodes: Floats,
    weights: Floats,
    period: float,
    offset: float,
    room: int,
) -> Floats:
    """Return the times of all detected photons, in ps, in the order of their pulses.

    Args:
        rng: the source of all chance.
        pieces: constant light, in the order of time; columns as above, shape (n, 7).
        ratios: Q_m/Q_X for m = 0 ...
        nodes: factors on <N> that a pulse may have.
        weights: their probabilities.
        period: of the pulses, ps.
        offset: time of pulse 0, ps.
        room: photons to expect; more are fine.
    """
    times = np.empty(max(room, 16))
    found = 0
    added = np.empty(len(ratios))
    none = np.ones(len(ratios) + 1)  # probability that no photon of m excitons is detected in a period
    miss = np.empty((2, 2))  # undetected from state to state
    hit = np.empty(2)
    slow = np.empty((2, 2))  # projector on the slow eigenvector
    weight = np.empty(2)
    state, last_end = 0, -1.0
    for piece in range(len(pieces)):
        x, efficiency, lifetime = pieces[piece, EXCITATIONS], pieces[piece, EFFICIENCY], pieces[piece, LIFETIME]
        begin, biexciton, bleaching = pieces[piece, BEGIN], pieces[piece, BIEXCITON], pieces[piece, BLEACHING]
        pulse, stop = math.ceil((begin - offset) / period), math.ceil((pieces[piece, END] - offset) / period)
        if begin != last_end:
            state = 0
        last_end = pieces[piece, END]
        recombined = -math.expm1(-period / lifetime)
        survival = 1.0 - recombined
        # What a pulse does, by the state before it.
        highest = excitation_table(x, nodes, weights, added)
        silent = 1.0 - recombined * efficiency
        none[1] = silent
        for m in range(2, highest + 2):
            none[m] = none[m - 1] * (1.0 - efficiency * ratios[m])
        for left in range(2):
            hit[left], miss[left, 0], miss[left, 1] = 0.0, 0.0, 0.0
            for n in range(highest + 1):
                if n + left == 0:
                    miss[0, 0] += added[0]
                    continue
                cascade = none[n + left] / silent if silent > 0.0 else 0.0
                hit[left] += added[n] * (1.0 - none[n + left])
                miss[left, 0] += added[n] * cascade * recombined * (1.0 - efficiency)
                miss[left, 1] += added[n] * cascade * survival
        total = hit[0] + miss[0, 1] + hit[1] + miss[1, 0]
        product = hit[0] * hit[1] + hit[0] * miss[1, 0] + miss[0, 1] * hit[1]
        if product <= 0.0:
            state = 0
            continue
        gap = math.sqrt((hit[0] + miss[0, 1] - hit[1] - miss[1, 0]) ** 2 + 4.0 * miss[0, 1] * miss[1, 0])
        rate = 2.0 * product / (total + gap)  # 1 - largest eigenvalue
        other = 1.0 - (total + gap) / 2.0  # smaller eigenvalue
        largest = 1.0 - rate
        for left in range(2):
            slow[left, left] = ((total + gap) / 2.0 - hit[left] - miss[left, 1 - left]) / gap
            slow[left, 1 - left] = miss[left, 1 - left] / gap
        step, quick = -math.log1p(-rate), abs(other)
        quick_step = -math.log(quick) if quick > 0.0 else np.inf
        ratio = other / largest if largest > 0.0 else 0.0
        reach = 40.0 / -math.log(abs(ratio)) if 0.0 < abs(ratio) < 1.0 else (0.0 if ratio == 0.0 else np.inf)
        while True:
            # Pulses without a photon, from the two geometric numbers by acceptance.
            main = slow[state, 0] * hit[0] + slow[state, 1] * hit[1]
            rest = hit[state] - main
            while True:
                common = main / rate
                if rng.random() * (common + abs(rest) / (1.0 - quick)) < common:
                    silence = math.floor(min(rng.standard_exponential() / step, _MOST))
                else:
                    silence = math.floor(min(rng.standard_exponential() / quick_step, _MOST))
                power = ratio**silence if silence <= reach else 0.0
                bound = main + abs(rest) * abs(power)
                if rest * power >= 0.0 or rng.random() * bound < main + rest * power:
                    break
            if pulse + silence >= stop:
                silence = stop - pulse
                power = ratio**silence if silence <= reach else 0.0
                for left in range(2):
                    weight[left] = slow[state, left] * (1.0 - power) + (power if left == state else 0.0)
                state = 1 if rng.random() * (weight[0] + weight[1]) < weight[1] else 0
                break
            for left in range(2):
                weight[left] = (slow[state, left] * (1.0 - power) + (power if left == state else 0.0)) * hit[left]
            state = 1 if rng.random() * (weight[0] + weight[1]) < weight[1] else 0
            pulse += int(silence)
            # How many excitons this pulse added, given that a photon is seen.
            target, n = rng.random() * hit[state], 1 - state
            target -= added[n] * (1.0 - none[n + state])
            while target > 0.0 and n < highest:
                n += 1
                target -= added[n] * (1.0 - none[n + state])
            now, seen = offset + pulse * period, False
            while found + n + 2 >= len(times):
                times = grown(times)
            for m in range(n + state, 1, -1):
                now += rng.standard_exponential() * biexciton * 4.0 / (m * m * (m - 1.0))
                chance = efficiency * ratios[m]
                if not seen:
                    chance /= 1.0 - none[m]
                if chance > 0.0 and rng.random() < chance:
                    seen = True
                    if bleaching == 0.0 or rng.random() < math.exp(-bleaching * (now - begin)):
                        times[found] = now
                        found += 1
            if not seen or rng.random() < recombined:
                if not seen or rng.random() < efficiency:
                    now += -lifetime * math.log1p(-rng.random() * recombined)
                    if bleaching == 0.0 or rng.random() < math.exp(-bleaching * (now - begin)):
                        times[found] = now
                        found += 1
                state = 0
            else:
                state = 1
            pulse += 1
    return times[:found]
