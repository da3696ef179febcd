"""Immutable snapshots of Superstaq jobs."""
