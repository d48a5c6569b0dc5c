-- Clocks that drift
-- Parts per million; the drift over the whole record in ms.
SELECT p.record_id, p.stream_a, p.stream_b, p.drift_ppm, p.drift_ppm * r.duration_s / 1000 AS drift_ms, p.method
FROM pairs p
JOIN records r USING (record_id)
WHERE abs(p.drift_ppm * r.duration_s / 1000) > 20
ORDER BY abs(drift_ms) DESC
