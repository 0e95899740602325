"""The end of a `with` block: everything is attempted, and the first error is the one that is told."""

from __future__ import annotations

import pytest

from perovskite_meas.bench.attempt import finish


class Acts:
    def __init__(self, **errors: BaseException) -> None:
        self.errors = errors
        self.done: list[str] = []

    def __getitem__(self, name: str):
        def act() -> None:
            self.done.append(name)
            if name in self.errors:
                raise self.errors.pop(name)

        return act


def test_every_action_is_done_and_the_first_failure_carries_the_others() -> None:
    acts = Acts(stop=OSError("dead"), back=ValueError("far"))
    with pytest.raises(OSError, match="dead") as caught:
        finish({"it did not stop": acts["stop"], "it did not come back": acts["back"], "no light": acts["block"]})
    assert acts.done == ["stop", "back", "block"]
    assert caught.value.__notes__ == ["and then it did not come back: ValueError: far"]


def test_an_earlier_error_carries_all_failures_and_is_not_hidden() -> None:
    acts, first = Acts(stop=OSError("dead"), back=ValueError("far")), ZeroDivisionError("first")
    finish({"it did not stop": acts["stop"], "it did not come back": acts["back"]}, first)
    assert first.__notes__ == [
        "and then it did not stop: OSError: dead",
        "and then it did not come back: ValueError: far",
    ]


def test_a_generator_that_is_closed_still_raises_the_failure() -> None:
    with pytest.raises(OSError, match="dead"):
        finish({"it did not stop": Acts(stop=OSError("dead"))["stop"]}, GeneratorExit())


def test_ctrl_c_is_raised_after_the_action_was_done_again() -> None:
    acts = Acts(stop=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        finish({"it did not stop": acts["stop"], "it did not come back": acts["back"]})
    assert acts.done == ["stop", "stop", "back"]
