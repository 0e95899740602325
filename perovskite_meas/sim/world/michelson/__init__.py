"""The Michelson table: two pulses with a phase between them, one dot, and the photons of both ports."""
