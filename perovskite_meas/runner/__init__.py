"""Drive a procedure's rows into a sink, make the table safe, then analyse and report."""
