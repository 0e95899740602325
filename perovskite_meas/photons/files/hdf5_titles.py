"""Titles of the fields of Photon-HDF5 files that this package writes: texts of the format, which validators compare."""

from __future__ import annotations

from collections.abc import Mapping

TITLES: Mapping[str, str] = {
    "/": "A file format for photon-counting detector based single-molecule spectroscopy experiments.",
    "acquisition_duration": "Measurement duration in seconds.",
    "description": "A user-defined comment describing the data file.",
    "identity": "Information about the Photon-HDF5 data file.",
    "identity/author": "Author of the current data file.",
    "identity/creation_time": "Creation time of the current Photon-HDF5 file.",
    "identity/format_name": "Name of the file format.",
    "identity/format_url": "Official URL for the Photon-HDF5 format.",
    "identity/format_version": "Version for the Photon-HDF5 format.",
    "identity/software": "Name of the software used to create the current Photon-HDF5 file.",
    "identity/software_version": "Version of the software used to create current the Photon-HDF5 file.",
    "photon_data": "Group containing arrays of photon-data.",
    "photon_data/detectors": "Array of pixel IDs for each timestamp.",
    "photon_data/nanotimes": (
        "TCSPC photon arrival time (nanotimes). Units and other specifications are in nanotimes_specs group."
    ),
    "photon_data/nanotimes_specs": "Group for nanotime-specific data.",
    "photon_data/nanotimes_specs/tcspc_num_bins": "Number of TCSPC bins.",
    "photon_data/nanotimes_specs/tcspc_range": "TCSPC full-scale range in seconds.",
    "photon_data/nanotimes_specs/tcspc_unit": "Value of 1-unit nanotime-increment in seconds (TCSPC bin size).",
    "photon_data/timestamps": (
        "Array of photon timestamps. Units specified in timestamps_units (defined in timestamps_specs/)."
    ),
    "photon_data/timestamps_specs": "Specifications for timestamps.",
    "photon_data/timestamps_specs/timestamps_unit": "Value of 1-unit timestamp-increment in seconds.",
    "setup": "Information about the experimental setup.",
    "setup/detectors": (
        "Metadata relative to each detector's pixel. Each field is an array with size equal to the number of "
        "the detectors."
    ),
    "setup/detectors/id": "Detector IDs as they appear on /photon_data/detectors.",
    "setup/excitation_alternated": (
        "New in version 0.5. Indicates whether each excitation source is alternated (True, or 1) or not "
        "alternated (False, or 0)."
    ),
    "setup/excitation_cw": (
        "For each excitation source, this field indicates whether excitation is continuous wave (CW), True "
        "(i.e. 1), or pulsed, False (i.e. 0)."
    ),
    "setup/laser_repetition_rates": "Repetition rates in Hz for each laser. CW lasers have a value of 0.",
    "setup/lifetime": (
        "True (i.e. 1) if the measurement includes a nanotimes array of photon arrival times with respect to "
        "a laser pulse (as in TCSPC measurements)."
    ),
    "setup/modulated_excitation": (
        "True (i.e. 1) if there is any form of excitation modulation of excitation wavelength (as in us-ALEX "
        "or PAX) or polarization. This field is also True for pulse-interleaved excitation (PIE) or ns-ALEX "
        "measurements."
    ),
    "setup/num_pixels": "Total number of detector pixels.",
    "setup/num_polarization_ch": "Number of distinct polarization states which are acquired.",
    "setup/num_spectral_ch": "Number of distinct spectral bands which are acquired.",
    "setup/num_split_ch": (
        "Number of distinct detection channels detecting the same spectral band and polarization. This value "
        "is > 1 when using a non-polarizing beam splitter."
    ),
    "setup/num_spots": 'Number of excitation (or detection) "spots" in the sample.',
}
"""By place in the file. Source: Photon-HDF5 format definition 0.5."""
