"""Columns of tables of events and calls, read one by one, and what is lost on the way."""
