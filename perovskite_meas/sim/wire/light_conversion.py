"""Light Conversion PHAROS or CARBIDE laser, as its REST server shows it.

Source: public programs that drive these lasers, the vendor's `lightcon` package and a public clone of the server
(resources, JSON scalars, 403 in the wrong state, 400 out of range). Unverified against the vendor's description: the
words of the errors, how long the steps take, what an interlock and a lost mode lock do.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from . import http_server
from .device import Laboratory, WireDevice, Wiring
from .faults import Faults
from .light_conversion_states import ABSENT, Refusal, States


class LightConversionFaults(Faults):
    """Faults of the laser behind its server."""

    def __init__(self, states: States) -> None:
        super().__init__()
        self._states = states

    def stick_picker(self) -> None:
        """Have the picker never close: CloseOutput is acknowledged, the output counts as closed, pulses go on."""
        self._states.picker_stuck = True

    def free_picker(self) -> None:
        """Let the picker follow again."""
        self._states.free_picker()

    def trip_interlock(self) -> None:
        """Open the remote interlock: no emission, and the laser stands by with an error."""
        self._states.trip()

    def close_interlock(self) -> None:
        """Close the circuit again; a reset and turning on are still needed."""
        self._states.circuit_open = False

    def lose_mode_lock(self) -> None:
        """Let the oscillator lose its mode lock: long, weak pulses and an error, while the output stays as it is."""
        self._states.lock(False)

    def find_mode_lock(self) -> None:
        """Let it lock again; the error goes."""
        self._states.lock(True)


class LightConversion(WireDevice):
    """A laser and its server.

    Args:
        states: the laser.
        version: first part of the paths, such as "v1".
        chunked: whether bodies go out in chunks, without a length.
        keep_alive: s after which an idle connection is closed.
    """

    faults: LightConversionFaults
    buffer = 131072

    def __init__(self, states: States, *, version: str, chunked: bool, keep_alive: float) -> None:
        super().__init__(turnaround=0.004)
        self.states = states
        self.faults = LightConversionFaults(states)
        self._root = f"/{version}"
        self._chunked = chunked
        self._keep_alive = keep_alive
        self._last: float | None = None
        """When this connection was last used; None for closed by this end."""
        self._request: http_server.Request | None = None

    def connect(self, now: float) -> None:
        """Take a new connection; what was left of the one before is gone."""
        self.clear()
        self._last = now

    def feed(self, data: bytes, now: float) -> None:
        """Take in bytes that have arrived at simulated time `now` in s, unless this end has closed the connection."""
        if self._last is not None and now - self._last > self._keep_alive:
            self._last = None
        if self._last is None:
            return
        self._last = now
        super().feed(data, now)

    def _split(self) -> bytes | None:
        if self._last is None:
            return None
        try:
            self._request = http_server.take(self._incoming)
        except http_server.BadRequestError as error:
            self._incoming.clear()
            self._request = None
            return str(error).encode("ascii", "replace")
        return None if self._request is None else b"request"

    def _command(self, command: bytes, now: float) -> None:
        request = self._request
        delay = self.turnaround
        if request is None:
            status, body, lasting = 400, _detail(command.decode("ascii")), False
        else:
            lasting = request.lasting
            try:
                status, (body, lag) = 200, self._carry_out(request, now)
                delay += lag
            except Refusal as refusal:
                status, body = refusal.status, _detail(str(refusal))
        self._reply(http_server.reply(status, body, lasting=lasting, chunked=self._chunked), now + delay)
        if not lasting:
            self._last = None

    def _carry_out(self, request: http_server.Request, now: float) -> tuple[bytes, float]:
        """Return the body of the reply and how many s it takes until then.

        Raises:
            Refusal: it is not carried out.
        """
        root, _, path = request.path.rstrip("/").lstrip("/").partition("/")
        if f"/{root}" != self._root:
            raise Refusal(404, f"no {request.path}")
        self.states.settle(now)
        if request.method == "GET":
            return json.dumps(self._get(path, now)).encode("ascii"), 0.0
        if request.method == "POST":
            return b"", self.states.act(path, now)
        if request.method == "PUT":
            return b"", self.states.put(path, _value(request.body), now)
        raise Refusal(405, f"no {request.method}")

    def _get(self, path: str, now: float) -> Any:
        table = self.states.table(now)
        if path in ("Basic", "Advanced"):
            return {name.partition("/")[2]: value for name, value in table.items() if name.startswith(f"{path}/")}
        value = table.get(path, ABSENT)
        if value is ABSENT:
            raise Refusal(404, f"no {path}")
        return value


def _value(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "the body is not JSON") from error


def _detail(text: str) -> bytes:
    return json.dumps({"detail": text}).encode("ascii")


def make(laboratory: Laboratory, entries: Sequence[Wiring]) -> LightConversion:
    """Wire up one laser: `port`, and perhaps `version`, `chunked`, `keep_alive` (s), `turn_on` (s).

    More of them: `state` (Off, StandingBy or Operational) at the start, `tells_duration` (not every model does).
    """
    entry = entries[0]
    states = States(
        laboratory.port(entry["port"]),
        laboratory.clock,
        state=str(entry.get("state", "Operational")),
        turn_on=float(entry.get("turn_on", 90.0)),
        tells_duration=bool(entry.get("tells_duration", True)),
    )
    return LightConversion(
        states,
        version=str(entry.get("version", "v1")),
        chunked=bool(entry.get("chunked", False)),
        keep_alive=float(entry.get("keep_alive", 5.0)),
    )
