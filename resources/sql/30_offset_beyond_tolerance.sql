-- Offset beyond a tolerance
-- Measured pairs that are more than 40 ms apart.
SELECT record_id, stream_a, stream_b, offset_ms, confidence, method, status
FROM pairs
WHERE abs(offset_ms) > 40
ORDER BY abs(offset_ms) DESC
