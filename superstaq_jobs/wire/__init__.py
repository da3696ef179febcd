"""Records to bytes and back, for each API version. No socket, no clock."""
