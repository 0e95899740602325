import threading
import time

import pytest

from perovskite_meas.sim.clock import SimClock


def test_at_speed_zero_time_stands_still_until_somebody_sleeps():
    clock = SimClock(speed=0)
    time.sleep(0.01)
    assert clock.now() == 0
    clock.sleep(3600)
    assert clock.now() == 3600


def test_at_speed_one_wall_time_passes_and_a_sleep_comes_on_top_at_once():
    clock = SimClock()
    wall = time.perf_counter()
    clock.sleep(100)
    assert time.perf_counter() - wall < 1
    time.sleep(0.02)
    assert 100.02 <= clock.now() < 101


def test_a_change_of_speed_makes_no_jump():
    clock = SimClock(speed=1000)
    time.sleep(0.005)
    clock.speed = 0
    first = clock.now()
    assert first >= 5
    clock.speed = 1
    assert first <= clock.now() < first + 0.5


def test_a_jump_goes_exactly_there_and_never_back():
    clock = SimClock(speed=0)
    clock.sleep(0.1)
    clock.jump_to(0.3)
    assert clock.now() == 0.3
    clock.jump_to(0.2)
    clock.sleep(-5)
    assert clock.now() == 0.3


@pytest.mark.parametrize("speed", [-1, float("inf"), float("nan")])
def test_a_speed_that_is_no_speed_is_refused(speed):
    with pytest.raises(ValueError, match=r"clock speed .* is not a finite number >= 0"):
        SimClock(speed=speed)


def test_sleeps_of_many_threads_all_count():
    clock = SimClock(speed=0)

    def sleep_often():
        for _ in range(1000):
            clock.sleep(0.5)

    threads = [threading.Thread(target=sleep_often) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert clock.now() == 2000
