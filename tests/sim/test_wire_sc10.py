import pytest


@pytest.fixture
def shutter(host):
    return host("ASRL5::INSTR")


def ask(shutter, command):
    """Send a line; check echo and prompt; return what stands between them."""
    reply = shutter.ask(command.encode() + b"\r")
    assert reply.startswith(command.encode() + b"\r")
    assert reply.endswith(b"> ")
    return reply[len(command) + 1 : -2].decode()


def settle(lab):
    lab.clock.sleep(0.02)


def test_the_golden_transcript_of_the_facts_page(shutter):
    assert shutter.ask(b"ens?\r") == b"ens?\r0\r> "
    assert shutter.ask(b"mode=1\r") == b"mode=1\r> "
    assert shutter.ask(b"id?\r") == b"id?\rTHORLABS SC10 VERSION 1.07\r> "
    assert shutter.ask(b"closed?\r") == b"closed?\r1\r> "
    assert shutter.ask(b"interlock?\r") == b"interlock?\r0\r> "


def test_ens_toggles(shutter, lab):
    for enabled in ("1", "0", "1"):
        assert ask(shutter, "ens") == ""
        settle(lab)
        assert ask(shutter, "ens?") == f"{enabled}\r"
        assert ask(shutter, "closed?") == ("0\r" if enabled == "1" else "1\r")


def test_the_blade_needs_a_few_milliseconds(shutter, lab):
    start = lab.clock.now()
    shutter.send(b"ens\r")
    gate = lab.ports["shutter"]
    assert not gate.is_open(start + 0.005)
    assert gate.is_open(start + 0.01)


@pytest.mark.parametrize(
    ("command", "word"),
    [("ENS", "CMD_NOT_DEFINED"), ("shine", "CMD_NOT_DEFINED"), ("mode=6", "CMD_ARG_INVALID"), ("open=x", "CMD_ARG")],
)
def test_what_it_does_not_understand_it_says_and_does_nothing(shutter, command, word):
    assert word in ask(shutter, command)
    assert ask(shutter, "ens?") == "0\r"
    assert ask(shutter, "mode?") == "1\r"


def test_settings_are_kept(shutter):
    for name, value in (("open", "1500"), ("shut", "20"), ("rep", "99"), ("trig", "1"), ("xto", "1"), ("mode", "3")):
        ask(shutter, f"{name}={value}")
        assert ask(shutter, f"{name}?") == f"{value}\r"


def test_a_single_exposure_ends_by_itself(shutter, lab):
    ask(shutter, "mode=3")
    ask(shutter, "open=500")
    start = lab.clock.now()
    ask(shutter, "ens")
    lab.clock.jump_to(start + 0.3)
    assert ask(shutter, "closed?") == "0\r"
    assert ask(shutter, "ens?") == "1\r"
    lab.clock.jump_to(start + 0.6)
    assert ask(shutter, "closed?") == "1\r"
    assert ask(shutter, "ens?") == "0\r"


def test_an_exposure_that_is_broken_off_stays_off(shutter, lab):
    ask(shutter, "mode=4")
    ask(shutter, "rep=5")
    ask(shutter, "open=100")
    ask(shutter, "ens")
    settle(lab)
    ask(shutter, "ens")
    settle(lab)
    now = lab.clock.now()
    assert not any(lab.ports["shutter"].is_open(now + i * 0.05) for i in range(40))


def test_a_blade_that_sticks_is_seen_by_closed_and_not_by_ens(shutter, lab):
    ask(shutter, "ens")
    settle(lab)
    shutter.device.faults.stick()
    ask(shutter, "ens")
    settle(lab)
    assert ask(shutter, "ens?") == "0\r"
    assert ask(shutter, "closed?") == "0\r"


def test_a_tripped_interlock_closes_at_once_and_keeps_it_closed(shutter, lab):
    ask(shutter, "ens")
    settle(lab)
    shutter.device.faults.trip_interlock()
    settle(lab)
    assert not lab.ports["shutter"].is_open(lab.clock.now())
    assert ask(shutter, "interlock?") == "1\r"
    ask(shutter, "ens")
    settle(lab)
    assert ask(shutter, "ens?") == "0\r"


def test_a_faster_line_is_faster(shutter, lab):
    def seconds():
        start = lab.clock.now()
        ask(shutter, "id?")
        return lab.clock.now() - start

    slow = seconds()
    ask(shutter, "baud=1")
    assert seconds() < slow / 3
