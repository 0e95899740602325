"""The ASE table: an amplifier's single pulses on a film, and the spectrum of what it amplifies."""
