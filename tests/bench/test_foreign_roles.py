"""A role of another lab's package: registered by entry point, planned without another line of code."""

from __future__ import annotations

from typing import ClassVar

import pytest

from perovskite_meas.bench.roles import Option, RoleAdapter
from perovskite_meas.core import Column, Procedure, Rows, plugins
from perovskite_meas.core.errors import BenchError


class MagnetAdapter(RoleAdapter):
    """Ramps a field."""

    options: ClassVar = {
        "use": Option("target", "field, in T", required=True),
        "rate": Option("quantity", "ramp rate", unit="T/min", required=True, least=0),
    }
    verbs: ClassVar = ("hold",)

    def ramp_to(self, tesla: float) -> float:
        self.handles["use"].set(tesla)
        return float(self.handles["use"].get())

    def hold(self) -> None:
        self.handles["use"].set(self.handles["use"].get())


class Ramp(Procedure):
    """Visit two fields."""

    columns: ClassVar = (Column("field", "T", "field"),)

    def measure(self, *, magnet: MagnetAdapter) -> Rows:
        for tesla in (1.0, -1.0):
            yield {"field": magnet.ramp_to(tesla)}


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    own = plugins.names("roles")
    find = plugins.find
    monkeypatch.setattr(plugins, "names", lambda group: tuple(sorted((*own, "magnet", "noise"))))
    foreign = {"magnet": MagnetAdapter, "noise": print}
    monkeypatch.setattr(plugins, "find", lambda group, name: foreign.get(name) or find(group, name))


def test_it_is_read_bound_planned_and_made_safe_like_our_own(make, lab):
    lab.parameters["magnet.field"] = lab["sr400.port_1"]
    bench = make({
        "  waveplate:": "  magnet: {use: magnet.field, rate: 0.2 T/min}\n  waveplate:",
        "[shutter.block,": "[magnet.hold, shutter.block,",
    })  # fmt: skip
    rehearsal = bench.rehearse(Ramp())
    assert [row["field"] for row in Ramp().measure(**rehearsal.arguments)] == [1.0, -1.0]
    assert lab.log == []
    assert [row["field"] for row in Ramp().measure(**bench.bind(Ramp()))] == [1.0, -1.0]
    assert bench.roles["magnet"].option("rate") == 0.2
    assert bench.make_safe() == []


def test_its_options_are_checked_like_our_own(make):
    with pytest.raises(BenchError) as caught:
        make({"  waveplate:": "  magnet: {use: magnet.field, rat: 0.2 T/min}\n  noise: x.y\n  waveplate:"})
    text = str(caught.value)
    assert "roles.magnet.rat: a magnet has no option 'rat'; did you mean 'rate'?" in text
    assert "magnet 'magnet' needs 'rate' (ramp rate); state it" in text
    assert "role 'noise' is registered as <built-in function print>, which is no subclass of RoleAdapter" in text
