"""`pmeas`: the package from the command line."""

from .main import main

__all__ = ["main"]
