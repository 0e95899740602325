"""The magneto table: one nanocrystal in a field at 4 K, and the spectrum of its light."""
