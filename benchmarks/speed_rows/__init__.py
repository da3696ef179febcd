"""The rows of the table of speed: each measures this library, and the others beside it."""
