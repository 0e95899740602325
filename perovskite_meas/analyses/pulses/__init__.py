"""What analyses of single laser pulses share: rows, stated facts, emission per pulse, inversion of the film."""
