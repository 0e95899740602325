"""Process CPU time of several tools, one after the other, round by round."""

import multiprocessing
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Timed:
    """One tool's medians over the rounds."""

    name: str
    seconds: float
    rounds: int
    photons: int
    note: str = ""
    wall: float = 0.0


def cpu(tool: Callable[[], Any]) -> tuple[float, float]:
    """Run once; return CPU and wall time in s."""
    began, wall = time.process_time(), time.perf_counter()
    tool()
    return time.process_time() - began, time.perf_counter() - wall


class Apart:
    """A tool in a process of its own, so that its crash is a line of the table and not the end of the run."""

    def __init__(self, make: Callable[..., Callable[[], Any]], *arguments: object) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, make, arguments), daemon=True)
        self._process.start()
        theirs.close()

    def __call__(self) -> tuple[float, float]:
        """Run once; return CPU and wall time in s.

        Raises:
            RuntimeError: the tool failed or its process died.
        """
        try:
            self._pipe.send("run")
            answer = self._pipe.recv()
        except (EOFError, OSError) as error:
            self._process.join(5)
            raise RuntimeError(f"its process died (exit code {self._process.exitcode})") from error
        if isinstance(answer, str):
            raise RuntimeError(answer)
        return answer

    def close(self) -> None:
        """End the process."""
        self._pipe.close()
        self._process.join(10)


def _serve(pipe: Any, make: Callable[..., Callable[[], Any]], arguments: tuple[object, ...]) -> None:
    try:
        tool = make(*arguments)
    except Exception as error:
        pipe.send(f"{type(error).__name__}: {error}")
        return
    while True:
        try:
            pipe.recv()
        except (EOFError, OSError):
            return
        try:
            pipe.send(cpu(tool))
        except Exception as error:
            pipe.send(f"{type(error).__name__}: {error}")


def interleaved(
    tools: Mapping[str, Callable[[], Any] | Apart], photons: int, repeats: int, notes: Mapping[str, str] | None = None
) -> list[Timed]:
    """Run every tool once to warm up, then all of them in turn; tools that fail are told with their error."""
    notes = dict(notes or {})
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in tools}
    for round_number in range(repeats + 1):
        for name, tool in tools.items():
            if name not in spent:
                continue
            try:
                taken = tool() if isinstance(tool, Apart) else cpu(tool)
            except Exception as error:
                notes[name] = f"failed: {type(error).__name__}: {str(error)[:80]}"
                del spent[name]
                continue
            if round_number:
                spent[name].append(taken)
    for tool in tools.values():
        if isinstance(tool, Apart):
            tool.close()
    return [
        Timed(
            name,
            statistics.median(cpu for cpu, _ in spent[name]) if name in spent else float("nan"),
            repeats,
            photons,
            notes.get(name, ""),
            statistics.median(wall for _, wall in spent[name]) if name in spent else float("nan"),
        )
        for name in tools
    ]


def once(name: str, make: Callable[..., Callable[[], Any]], arguments: tuple[object, ...], photons: int) -> Timed:
    """Time a slow tool a single time, after its imports."""
    tool = Apart(make, *arguments)
    try:
        seconds, wall = tool()
        note = f"once, {photons:.0e} photons"
    except RuntimeError as error:
        seconds, wall, note = float("nan"), float("nan"), f"failed: {str(error)[:80]}"
    tool.close()
    return Timed(name, seconds, 1, photons, note, wall)
