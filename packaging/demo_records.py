"""The records of the clock corpus: five sessions, two recorders, four voices, and where the faults are."""

from __future__ import annotations

from demo_plan import Spec

DAYS = ("2026-03-02", "2026-03-04", "2026-03-09", "2026-03-11", "2026-03-16")
EDITH, RORY, GRACE, HUGH = "en+f2", "en-gb-scotland", "en-us+f3", "en-gb-x-rp"

RECORDS: tuple[Spec, ...] = (
    Spec(1, 13.8, DAYS[0], "rig-1", EDITH, 30, 15),
    Spec(2, 12.4, DAYS[0], "rig-1", EDITH, 25),
    Spec(3, 16.0, DAYS[0], "rig-1", RORY, 30, holds=4, fault="transcript_missing"),
    Spec(4, 11.2, DAYS[0], "rig-2", RORY, 24, sound_in_film=True),
    Spec(5, 15.0, DAYS[0], "rig-2", EDITH, 30, holds=4, fault="film_truncated"),
    Spec(6, 13.2, DAYS[0], "rig-2", RORY, 30, 24, unit="ms"),
    Spec(7, 15.0, DAYS[1], "rig-2", GRACE, 30, 15, holds=4, fault="sound_late"),
    Spec(8, 12.0, DAYS[1], "rig-1", GRACE, 15),
    Spec(9, 18.6, DAYS[1], "rig-1", HUGH, 30, 25, sensor="parquet", unit="us", holds=4),
    Spec(10, 10.4, DAYS[1], "rig-2", HUGH, 25, fault="sound_silent"),
    Spec(11, 14.6, DAYS[1], "rig-1", GRACE, 30, holds=4, fault="annotator_early"),
    Spec(12, 17.2, DAYS[1], "rig-2", HUGH, 25, 15, unit="ms", holds=4),
    Spec(13, 14.0, DAYS[2], "rig-2", EDITH, 30, sound_in_film=True),
    Spec(14, 14.4, DAYS[2], "rig-1", HUGH, 30, fault="labels_swapped", partner=16),
    Spec(15, 12.8, DAYS[2], "rig-1", EDITH, 30, vfr=True),
    Spec(16, 14.4, DAYS[2], "rig-1", HUGH, 30, fault="labels_swapped", partner=14),
    Spec(17, 19.6, DAYS[2], "rig-2", EDITH, 30, holds=4, fault="transcript_early"),
    Spec(18, 11.6, DAYS[3], "rig-2", RORY, 24, 30),
    Spec(
        19,
        120.0,
        DAYS[3],
        "rig-1",
        RORY,
        30,
        sensor="parquet",
        unit="us",
        holds=13,
        sensor_hz=1000,
        fault="sensor_fast",
    ),
    Spec(20, 16.8, DAYS[3], "rig-1", GRACE, 30, 15, unit="ms", holds=4),
    Spec(21, 13.6, DAYS[3], "rig-2", RORY, 30, 25, fault="camera_late"),
    Spec(22, 10.0, DAYS[3], "rig-2", GRACE, 15),
    Spec(23, 17.6, DAYS[3], "rig-1", GRACE, 30, holds=4, fault="picture_frozen"),
    Spec(24, 12.2, DAYS[4], "rig-1", HUGH, 30, 15, sensor="parquet", unit="us"),
    Spec(25, 15.8, DAYS[4], "rig-2", EDITH, 25, holds=4, fault="label_outside"),
    Spec(26, 20.0, DAYS[4], "rig-2", HUGH, 30, 15, holds=4, sound_in_film=True),
    Spec(27, 18.0, DAYS[4], "rig-1", EDITH, 24, sensor="parquet", holds=4),
    Spec(28, 13.0, DAYS[4], "rig-1", HUGH, 30),
)
