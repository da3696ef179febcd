"""The rows of ``speed.py``: each measures this library and what it is compared with."""
