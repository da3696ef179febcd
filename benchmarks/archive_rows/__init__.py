"""The rows of ``benchmarks/archive.py``."""
