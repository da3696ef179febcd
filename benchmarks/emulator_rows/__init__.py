"""The rows of ``benchmarks/emulator.py``."""
