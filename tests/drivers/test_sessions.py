"""What all drivers share: sessions, locks, clean ends, station files."""

import ast
import gc
import inspect
import itertools
import textwrap
import threading

import pytest
from qcodes.instrument import Instrument
from qcodes.parameters import Parameter
from qcodes.station import Station

import perovskite_meas.drivers as drivers
from perovskite_meas.core.clock import WallClock
from perovskite_meas.core.errors import CommunicationError, IdentityError
from perovskite_meas.drivers import ELL14, SC10
from perovskite_meas.drivers._esp301_axis import ESP301Axis

LINE = "ASRL3::INSTR"
GREETING = [(b"0in", b"0IN0E1140005120210102016800023000\r\n"), (b"0gs", b"0GS00\r\n")]


@pytest.fixture
def mount(visa):
    visa.scripts[LINE] = list(GREETING)
    return ELL14("attenuator", LINE)


def test_a_failed_opening_leaves_nothing_open_and_nothing_registered(visa):
    visa.scripts[LINE] = [(b"0in", None)]
    with pytest.raises(CommunicationError):
        ELL14("attenuator", LINE)
    assert visa.open_addresses == []
    assert not Instrument.exist("attenuator")


def test_a_failed_opening_does_not_close_the_session_of_its_neighbour(mount, visa, transcript):
    with transcript(LINE, [(b"1in", None)]), pytest.raises(CommunicationError):
        ELL14("analyser", LINE, bus_address="1")
    with transcript(LINE, [(b"0gp", b"0PO00000000\r\n")]):
        assert mount.angle() == 0


def test_an_unknown_address_is_a_communication_error_that_says_what_to_do(visa):
    with pytest.raises(CommunicationError, match=r"attenuator.*ASRL9::INSTR.*cannot be opened.*plugged in"):
        ELL14("attenuator", "ASRL9::INSTR", visalib="lab@twin")


def test_a_name_that_is_taken_leaves_the_session_of_the_first(mount, visa):
    visa.scripts[LINE] += GREETING
    with pytest.raises(KeyError, match="Another instrument has the name"):
        ELL14("attenuator", LINE)
    assert visa.open_addresses == [LINE]
    mount.close()
    assert visa.open_addresses == []


def test_another_kind_of_line_on_an_open_address_is_refused(mount, visa):
    with pytest.raises(CommunicationError, match="other line settings"):
        SC10("shutter", LINE)
    assert visa.open_addresses == [LINE]


def test_a_forgotten_instrument_closes_its_session(visa):
    visa.scripts[LINE] = list(GREETING)
    ELL14("attenuator", LINE)
    gc.collect()
    assert visa.open_addresses == []


def test_closing_twice_is_harmless(mount):
    mount.close()
    mount.close()


def test_after_an_unplugged_line_the_next_opening_makes_a_new_session(mount, visa, transcript, faults):
    with transcript(LINE, [(b"0gp", faults.unplugged)]), pytest.raises(CommunicationError, match="line failed"):
        mount.angle()
    visa.scripts[LINE] += GREETING
    mount_again = ELL14("attenuator_again", LINE)
    assert len(visa.sessions) == 2
    mount.close()
    assert visa.resource.is_open
    mount_again.close()


def test_a_session_that_was_closed_behind_our_back_is_a_communication_error(mount, visa):
    visa.resource.close()
    with pytest.raises(CommunicationError, match="line failed"):
        mount.angle()


def test_exchanges_of_two_threads_do_not_mix(mount, visa, transcript):
    visa.scripts[LINE] += [(b"1in", b"1" + GREETING[0][1][1:]), (b"1gs", b"1GS00\r\n")]
    other = ELL14("analyser", LINE, bus_address="1")
    read = visa.resource.read_raw
    writers: set[int] = set()

    def slow_read() -> bytes:
        writers.add(threading.get_ident())
        assert len(writers) == 1, "a second thread wrote before the first had read"
        gate.wait(0.05)
        writers.clear()
        return read()

    gate = threading.Event()
    visa.resource.read_raw = slow_read
    visa.resource.write_raw = lambda message: visa.resource.input.extend(message[:1] + b"PO00000000\r\n")
    found: list[float] = []
    threads = [threading.Thread(target=lambda m=m: found.append(m.angle())) for m in (mount, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [0, 0]


def test_where_the_library_has_no_clock_time_is_the_walls(visa):
    del visa.clock
    visa.scripts[LINE] = list(GREETING)
    assert isinstance(ELL14("attenuator", LINE).clock, WallClock)


def test_a_plain_station_file_loads_and_reconnects_a_driver(visa):
    snapshot_at_loading = [(b"0gp", b"0PO00000000\r\n"), (b"0gv", b"0GV64\r\n")]
    visa.scripts[LINE] = [*GREETING, *snapshot_at_loading] * 2
    station = Station(default=False)
    station.load_config(
        """
        instruments:
          attenuator:
            type: perovskite_meas.drivers.ELL14
            address: ASRL3::INSTR
            enable_forced_reconnect: true
            init: {bus_address: "0", visalib: lab@twin, metadata: {room: "12"}}
        """
    )
    assert station.load_instrument("attenuator").metadata == {"room": "12"}
    again = station.load_instrument("attenuator")
    assert visa.open_addresses == [LINE]
    assert again.snapshot()["address"] == LINE


# The controller of several axes has its parameters at the axes.
WITH_PARAMETERS = [ESP301Axis, *(getattr(drivers, name) for name in drivers.__all__ if name != "ESP301")]


def parameters_of(driver):
    """Yield (target, call, what follows) of each parameter that a driver or a base of it here makes."""
    for cls in driver.__mro__:
        if not cls.__module__.startswith("perovskite_meas.drivers"):
            continue
        for function in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(cls)))):
            if not isinstance(function, ast.FunctionDef):
                continue
            for node, after in itertools.pairwise([*function.body, None]):
                target = ast.unparse(node.target) if isinstance(node, ast.AnnAssign) else ""
                if target.startswith("self.") and "Parameter" in ast.unparse(node.annotation):
                    yield target, node.value, after


@pytest.mark.parametrize("driver", WITH_PARAMETERS)
def test_every_parameter_has_a_label_a_validator_and_a_docstring(driver):
    parameters = list(parameters_of(driver))
    assert len(parameters) >= 4
    for parameter, call, after in parameters:
        words = {keyword.arg for keyword in call.keywords}
        below = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        assert below or "docstring" in words, f"{parameter} has no docstring"
        needs = {"label"} if "get_cmd" in words and "set_cmd" not in words else {"label", "vals"}
        assert needs <= words or "_add_" in ast.unparse(call.func), f"{parameter} lacks label or vals"


def test_wrong_identity_is_not_registered(visa):
    visa.scripts[LINE] = [(b"0in", b"0IN091140005120210102016800023000\r\n")]
    with pytest.raises(IdentityError):
        ELL14("attenuator", LINE)
    assert not Instrument.exist("attenuator")


def test_parameters_are_plain_qcodes_parameters(mount):
    assert isinstance(mount.angle, Parameter)
