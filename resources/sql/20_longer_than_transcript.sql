-- Longer than its transcript
-- From the last word to the end of the record, where that is more than 5 s.
SELECT r.record_id, max(w.end_s) AS start_s, r.duration_s AS end_s, r.duration_s - max(w.end_s) AS without_words_s
FROM records r
JOIN words w USING (record_id)
GROUP BY r.record_id, r.duration_s
HAVING r.duration_s - max(w.end_s) > 5
ORDER BY without_words_s DESC
