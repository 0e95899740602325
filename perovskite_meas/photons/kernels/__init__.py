"""The compiled loops; what they are given has been checked."""
