"""Analyses: pure functions from the dataset of a run to a frozen result, each with a figure.

Nothing is imported here: an analysis is loaded by its entry point when a procedure names it.
"""
