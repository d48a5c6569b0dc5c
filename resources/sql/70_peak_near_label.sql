-- Sensor peak within 100 ms of a label
-- Put a channel of your own in the place of channel_1.
WITH peaks AS (
  SELECT record_id, stream_id, t_s, channel_1 AS value
  FROM samples
  QUALIFY channel_1 > lag(channel_1) OVER follow
      AND channel_1 > lead(channel_1) OVER follow
      AND channel_1 > 2 * stddev(channel_1) OVER (PARTITION BY record_id, stream_id)
                    + avg(channel_1) OVER (PARTITION BY record_id, stream_id)
  WINDOW follow AS (PARTITION BY record_id, stream_id ORDER BY t_s)
)
SELECT p.record_id, p.t_s, p.stream_id, p.value, a.label, (p.t_s - a.start_s) * 1000 AS after_label_ms
FROM peaks p
JOIN annotations a ON a.record_id = p.record_id AND abs(p.t_s - a.start_s) <= 0.1
ORDER BY p.record_id, p.t_s
