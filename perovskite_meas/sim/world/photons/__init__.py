"""Photons one by one: what a dot emits, and what detectors and a time tagger make of it."""
