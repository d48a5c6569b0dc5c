"""Decoders and data on disk: the only place that imports av and vlc."""
