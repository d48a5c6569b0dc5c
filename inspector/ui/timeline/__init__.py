"""The ruler and the tracks under it."""
