"""Series of spectra: frames in electrons on an axis of energy, and joint fits of lines that share one shape."""
