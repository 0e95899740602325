"""The virtual laboratory: wire devices that share one simulated World, and ways to reach them."""
