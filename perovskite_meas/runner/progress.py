"""One line of progress with the time left, weighed by the dry run."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any, TextIO

from .plan import Plan, duration


class Progress:
    """Writes progress to a stream: one line that renews itself on a terminal, else one per tenth."""

    def __init__(self, plan: Plan, stream: TextIO | None = None) -> None:
        self._plan = plan
        self._stream: TextIO | None = sys.stderr if stream is None else stream
        self._terminal = self._stream is not None and self._stream.isatty()
        self._started = time.monotonic()
        self._shown = -1.0
        self.rows = 0

    def row(self, row: Mapping[str, Any]) -> None:
        """Count one stored row."""
        self.rows += 1
        now = time.monotonic()
        share = self.share()
        step = now - self._shown >= 0.1 if self._terminal else share >= self._shown + 0.1
        if step or self.rows == self._plan.rows:
            self._shown = now if self._terminal else share
            self._write(share, now - self._started)

    def share(self) -> float:
        """Return the part of the planned time that is done, 0 to 1."""
        moments = self._plan.moments
        if not moments or moments[-1] <= 0:
            return self.rows / self._plan.rows if self._plan.rows else 1.0
        return moments[min(self.rows, len(moments)) - 1] / moments[-1] if self.rows else 0.0

    def close(self) -> None:
        """End the line."""
        if self._terminal and self.rows:
            self._show("\n")

    def _write(self, share: float, elapsed: float) -> None:
        left = elapsed * (1 - share) / share if share > 0 else self._plan.duration
        text = f"{self._plan.procedure}  row {self.rows}/{self._plan.rows}  {100 * share:3.0f} %  {duration(left)} left"
        self._show(f"\r{text:<78}" if self._terminal else f"{text}\n")

    def _show(self, text: str) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        # Nobody looks any more, or the disk behind a redirection is full: the run goes on in silence.
        except (OSError, ValueError):
            self._stream = None
