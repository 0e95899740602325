"""A PyVISA back end whose instruments are the wire devices of the virtual laboratory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pyvisa import constants, errors, highlevel, rname
from pyvisa.constants import StatusCode
from pyvisa.typing import VISARMSession, VISASession

from ..core.errors import UsageError
from .clock import SimClock
from .tables import find_table, world_file
from .wire import wire_up
from .wire.address import canonical, parsed, place
from .wire.device import WireDevice
from .wire.line import Line
from .wire.session import Session
from .wire.sessions import Sessions

if TYPE_CHECKING:
    from .world import World

_OK = StatusCode.success
_READ_BUFFERS = (
    constants.BufferOperation.discard_read_buffer
    | constants.BufferOperation.discard_read_buffer_no_io
    | constants.BufferOperation.discard_receive_buffer
    | constants.BufferOperation.discard_receive_buffer2
)


class TwinVisaLibrary(highlevel.VisaLibraryBase):
    """One virtual laboratory as PyVISA sees it: `ResourceManager("<table>@twin")`.

    The library path is the name of a packaged table or a folder that holds a world.yaml. All sessions of
    one path share one World; `reset` starts a new one. Timeouts pass in simulated time.
    """

    def _init(self) -> None:
        self._table = find_table(str(self.library_path))
        self._world: World | None = None
        self._lines: dict[str, Line] = {}
        self._sessions = Sessions()

    # What the bench and the tests use -----------------------------------------------------------------

    @property
    def world(self) -> World:
        """The World behind all instruments; made from the table's own file at first use."""
        if self._world is None:
            self.reset()
        return cast("World", self._world)

    @property
    def clock(self) -> SimClock:
        """The simulated time of this laboratory."""
        return self.world.clock

    def reset(self, world: str | Path | None = None, seed: int | None = None, speed: float = 1.0) -> None:
        """Start a new World; open sessions become invalid.

        Args:
            world: a world.yaml (or its folder) in place of the table's own.
            seed: in place of the one in the file.
            speed: simulated seconds per wall second.
        """
        from .world import World

        file = None if world is None else world_file(Path(world))
        self.adopt(World.load(file, table=self._table, seed=seed, clock=SimClock(speed)))

    def check(self, world: str | Path | None = None, seed: int | None = None) -> None:
        """Refuse with a UsageError what `reset` would refuse of this world, and change nothing."""
        from .world import World

        file = None if world is None else world_file(Path(world))
        made = World.load(file, table=self._table, seed=seed, clock=SimClock(0.0))
        for address, wiring in made.config.instruments.items():
            wire_up(made, address, wiring)

    def adopt(self, world: World) -> None:
        """Put every instrument of the wiring table of `world` in place of the ones before.

        Raises:
            UsageError: an address that is none or stands there twice, or a device that is not simulated.
        """
        lines: dict[str, Line] = {}
        for address, wiring in world.config.instruments.items():
            try:
                where = place(address)
            except ValueError as error:
                raise UsageError(f"{address}: the wiring table has an address that is none: {error}") from error
            if where in lines:
                raise UsageError(f"{address}: the wiring table has this address twice")
            lines[where] = Line(parsed(address), wire_up(world, address, wiring), world.clock)
        self._sessions.lapse()
        self._world, self._lines = world, lines

    def device(self, address: str) -> WireDevice:
        """Return the simulated instrument at an address, for its faults and its inner state.

        Raises:
            VisaIOError: nothing is wired there.
        """
        return self._line(address).device

    # What PyVISA calls: the laboratory ----------------------------------------------------------------

    def open_default_resource_manager(self) -> tuple[VISARMSession, StatusCode]:
        """Return a handle for the resource manager."""
        return VISARMSession(self._sessions.handle()), self.handle_return_value(None, _OK)

    def list_resources(self, session: VISARMSession, query: str = "?*::INSTR") -> tuple[str, ...]:
        """Return the addresses of the wiring table that match a VISA expression."""
        self.world  # noqa: B018 - makes the lines
        return rname.filter([line.address for line in self._lines.values()], query)

    def parse_resource_extended(
        self, session: VISARMSession, resource_name: str
    ) -> tuple[highlevel.ResourceInfo, StatusCode]:
        """Parse an address, in any capitals."""
        try:
            resource_name = canonical(resource_name)
        except ValueError:
            raise errors.VisaIOError(StatusCode.error_invalid_resource_name) from None
        return super().parse_resource_extended(session, resource_name)

    def open(
        self,
        session: VISARMSession,
        resource_name: str,
        access_mode: constants.AccessModes = constants.AccessModes.no_lock,
        open_timeout: int = constants.VI_TMO_IMMEDIATE,
    ) -> tuple[VISASession, StatusCode]:
        """Open a session; a second one on the same address shares the line.

        Raises:
            VisaIOError: nothing is wired at this address, or another session has locked it.
        """
        line, alone = self._line(resource_name), access_mode == constants.AccessModes.exclusive_lock
        with self.world.lock:
            handle = VISASession(self._sessions.open(line, alone=alone))
        return handle, self.handle_return_value(handle, _OK)

    def close(self, session: Any) -> StatusCode:
        """Close a session and give back its lock."""
        self._sessions.close(session)
        return self.handle_return_value(None, _OK)

    # What PyVISA calls: one session -------------------------------------------------------------------

    def write(self, session: VISASession, data: bytes) -> tuple[int, StatusCode]:
        """Send bytes to the instrument; serial bytes take their time."""
        line = self._session(session).line
        with self.world.lock:
            line.write(data)
        self._last_status_in_session[session] = _OK
        return len(data), _OK

    def read(self, session: VISASession, count: int) -> tuple[bytes, StatusCode]:
        """Read up to `count` bytes; the clock jumps to the reply or to the timeout."""
        opened = self._session(session)
        with self.world.lock:
            data, status = opened.line.read(count, opened.timeout, opened.stop)
        self._last_status_in_session[session] = status
        return data, status

    def clear(self, session: VISASession) -> StatusCode:
        """Clear the instrument and drop everything on the line."""
        with self.world.lock:
            self._session(session).line.clear()
        return self.handle_return_value(session, _OK)

    def flush(self, session: VISASession, mask: constants.BufferOperation) -> StatusCode:
        """Drop the bytes that were not read, if the mask says so; written bytes never wait."""
        if mask & _READ_BUFFERS:
            with self.world.lock:
                self._session(session).line.drop()
        return self.handle_return_value(session, _OK)

    def read_stb(self, session: VISASession) -> tuple[int, StatusCode]:
        """Return the status byte by a serial poll."""
        with self.world.lock:
            value = self._session(session).line.status_byte()
        return value, self.handle_return_value(session, _OK)

    def assert_trigger(self, session: VISASession, protocol: constants.TriggerProtocol) -> StatusCode:
        """Send the trigger message of the bus."""
        with self.world.lock:
            self._session(session).line.device.trigger(self.clock.now())
        return self.handle_return_value(session, _OK)

    def gpib_control_ren(self, session: VISASession, mode: constants.RENLineOperation) -> StatusCode:
        """Accept remote and local; the simulated front panels have no hands on them."""
        self._session(session)
        return self.handle_return_value(session, _OK)

    def get_attribute(
        self, session: Any, attribute: constants.ResourceAttribute | constants.EventAttribute
    ) -> tuple[Any, StatusCode]:
        """Return the value of a VISA attribute of a session."""
        with self.world.lock:
            state = self._session(session).get(int(attribute))
        return state, self.handle_return_value(session, _OK)

    def set_attribute(
        self, session: VISASession, attribute: constants.ResourceAttribute, attribute_state: Any
    ) -> StatusCode:
        """Set a VISA attribute of a session."""
        self._session(session).set(int(attribute), attribute_state)
        return self.handle_return_value(session, _OK)

    def lock(
        self, session: VISASession, lock_type: constants.Lock, timeout: int, requested_key: str | None = None
    ) -> tuple[str, StatusCode]:
        """Lock the line for this session; a shared lock keeps nobody out here."""
        self._session(session)
        if lock_type == constants.Lock.exclusive:
            self._sessions.lock(session)
        return requested_key or "", self.handle_return_value(session, _OK)

    def unlock(self, session: VISASession) -> StatusCode:
        """Give back the lock."""
        self._sessions.unlock(session)
        return self.handle_return_value(session, _OK)

    def disable_event(self, session: VISASession, event_type: Any, mechanism: Any) -> StatusCode:
        """Accept: this laboratory sends no events."""
        return self.handle_return_value(None, _OK)

    def discard_events(self, session: VISASession, event_type: Any, mechanism: Any) -> StatusCode:
        """Accept: this laboratory sends no events."""
        return self.handle_return_value(None, _OK)

    # Inside -------------------------------------------------------------------------------------------

    def _session(self, handle: int) -> Session:
        return self._sessions.find(handle)

    def _line(self, address: str) -> Line:
        self.world  # noqa: B018 - makes the lines
        try:
            return self._lines[place(address)]
        except (KeyError, ValueError):
            error = errors.VisaIOError(StatusCode.error_resource_not_found)
            known = ", ".join(line.address for line in self._lines.values())
            error.add_note(f"{address} is not wired on the virtual table {self._table!r}; known: {known}")
            raise error from None
