"""From records to bytes and back, for each version of the API. No socket, no clock."""
