"""A measured number: nominal value, total 1-sigma, unit, and where the sigma comes from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from .units import readable, registry


@dataclass(frozen=True)
class Value:
    """A number with its uncertainty and unit.

    `sigma` is the total standard uncertainty. `statistical` and `systematic` are kept apart where
    they are known; the parts of the systematic one stand in the result that holds the value.
    """

    nominal: float
    """Best estimate, in `unit`."""
    sigma: float
    """Total 1-sigma, in `unit`."""
    unit: str
    """Unit as text; '1' for a plain number."""
    statistical: float | None = None
    """Part of sigma that more photons would shrink."""
    systematic: float | None = None
    """Part of sigma that they would not."""

    @classmethod
    def combine(cls, nominal: float, statistical: float, systematic: float, unit: str) -> Value:
        """Return a value whose sigma is both parts added in quadrature."""
        return cls(nominal, math.hypot(statistical, systematic), unit, statistical, systematic)

    def pull(self, truth: float, *, sigma: float | None = None) -> float:
        """Return (nominal - truth)/sigma; `truth` in the same unit."""
        return (self.nominal - truth) / (self.sigma if sigma is None else sigma)

    @property
    def relative(self) -> float:
        """Total sigma over |nominal|."""
        return self.sigma / abs(self.nominal) if self.nominal else math.inf

    def to(self, unit: str) -> Value:
        """Return the same value in another unit.

        Examples:
            >>> Value(1.5, 0.1, "mW").to("W")
            Value(nominal=0.0015, sigma=0.0001, unit='W', statistical=None, systematic=None)
        """
        return self._scaled(float(registry().Quantity(1.0, self.unit).to(unit).magnitude), unit)

    def _scaled(self, factor: float, unit: str) -> Value:
        def scaled(number: float | None) -> float | None:
            return None if number is None else number * factor

        return Value(
            self.nominal * factor, self.sigma * factor, unit, scaled(self.statistical), scaled(self.systematic)
        )

    def prefixed(self) -> Value:
        """Return the same in a unit with a prefix, such as uJ/cm^2, where that reads better than a power of ten."""
        factor, prefix = readable(self.nominal, self.unit)
        return self._scaled(1.0 / factor, f"{prefix}{self.unit}") if prefix and self._exponent else self

    @property
    def _exponent(self) -> int:
        """Power of ten to be written apart; 0 for numbers that need none."""
        if not self.nominal or not math.isfinite(self.nominal):
            return 0
        exponent = math.floor(math.log10(abs(self.nominal)))
        return exponent if exponent >= 4 or exponent <= -4 else 0

    def __str__(self) -> str:
        unit = "" if self.unit == "1" else f" {self.unit}"
        if not math.isfinite(self.sigma) or self.sigma <= 0 or not math.isfinite(self.nominal):
            return f"{self.nominal:.6g}{unit}"
        scale = self._exponent
        if scale and (prefixed := self.prefixed()) is not self:
            return str(prefixed)
        nominal, sigma = self.nominal / 10.0**scale, self.sigma / 10.0**scale
        decimals = max(0, 1 - math.floor(math.log10(sigma)))
        body = f"{nominal:.{decimals}f} ± {sigma:.{decimals}f}"
        return f"({body})e{scale}{unit}" if scale else f"{body}{unit}"

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data; the inverse is `Value.from_json`."""
        return {
            "nominal": self.nominal,
            "sigma": self.sigma,
            "unit": self.unit,
            "statistical": self.statistical,
            "systematic": self.systematic,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Value:
        """Return the value that `to_json` wrote."""
        return cls(**data)
