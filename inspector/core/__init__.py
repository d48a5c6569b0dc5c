"""Time, model and machinery that know no file format, no decoder and no window."""
