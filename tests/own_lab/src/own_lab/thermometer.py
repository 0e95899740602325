"""A kind of role that the package does not have: a thermometer."""

from typing import ClassVar

from perovskite_meas.bench.roles import Option, RoleAdapter


class ThermometerAdapter(RoleAdapter):
    """Reads a temperature, in K."""

    options: ClassVar = {
        "use": Option("target", "temperature, in K", required=True),
        "offset": Option("quantity", "added to every reading", unit="K", default=0.0),
    }

    def read(self) -> float:
        """Return the temperature, in K."""
        return float(self.handles["use"].get()) + float(self.option("offset"))
