"""Checks that find what is misaligned or missing, and the runner that decodes a record once for all."""
