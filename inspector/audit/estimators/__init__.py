"""Signal processing of the audit: pure functions of arrays, no files and no records."""
