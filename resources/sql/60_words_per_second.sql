-- Words per second out of range
-- Spans of 10 s with fewer than 0.5 or more than 5 words a second.
SELECT record_id, floor(start_s / 10) * 10 AS start_s, floor(start_s / 10) * 10 + 10 AS end_s,
       count(*) / 10.0 AS words_per_s
FROM words
GROUP BY record_id, floor(start_s / 10)
HAVING count(*) / 10.0 NOT BETWEEN 0.5 AND 5
ORDER BY words_per_s DESC
