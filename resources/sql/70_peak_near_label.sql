-- Sensor peak within 100 ms of a label
-- Put a channel of your own in the place of channel_1.
WITH follow AS (
  SELECT record_id, stream_id, t_s, channel_1 AS value,
         lag(channel_1) OVER (PARTITION BY record_id, stream_id ORDER BY t_s) AS before,
         lead(channel_1) OVER (PARTITION BY record_id, stream_id ORDER BY t_s) AS after,
         avg(channel_1) OVER (PARTITION BY record_id, stream_id) AS middle,
         stddev(channel_1) OVER (PARTITION BY record_id, stream_id) AS spread
  FROM samples
)
SELECT p.record_id, p.t_s, p.stream_id, p.value, a.label, (p.t_s - a.start_s) * 1000 AS after_label_ms
FROM follow p
JOIN annotations a ON a.record_id = p.record_id AND abs(p.t_s - a.start_s) <= 0.1
WHERE p.value > p.before AND p.value > p.after AND p.value > p.middle + 2 * p.spread
ORDER BY p.record_id, p.t_s
