"""Panels beside the stage: records, streams, transcript, dataset."""
