"""Peer."""
