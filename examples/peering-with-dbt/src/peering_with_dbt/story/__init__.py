"""Runs the example on real servers and tells what happens."""
