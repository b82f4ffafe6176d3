"""Servers of other versions than the example's, for the live tests."""
