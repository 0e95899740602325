"""This folder is another laboratory's package: `tests/test_own_lab.py` installs it and runs its tests."""

collect_ignore_glob = ["*"]
