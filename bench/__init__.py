"""Measures the whole chain on generated transcripts: beside programs that do a part of it."""
