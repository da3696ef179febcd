"""The rows of ``reliability.py``: each measures this library and the official client."""
