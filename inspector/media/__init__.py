"""Decoders and data on disk: the only place that imports av, vlc and pysubs2."""
