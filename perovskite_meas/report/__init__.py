"""The HTML report of a run."""

from .html import add_truths, write_report

__all__ = ["add_truths", "write_report"]
