"""One file a target format: pure functions from a record to bytes, and what the format cannot carry."""
