"""What one laboratory adds: a procedure, an analysis and a driver of its own."""
