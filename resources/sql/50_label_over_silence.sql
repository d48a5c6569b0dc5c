-- Label over a silent span
-- Labels that no word falls into, in records that have words.
SELECT a.record_id, a.start_s, a.end_s, a.tier, a.label, a.author
FROM annotations a
WHERE a.record_id IN (SELECT record_id FROM words)
  AND NOT EXISTS (
    SELECT 1 FROM words w
    WHERE w.record_id = a.record_id AND w.start_s < a.end_s AND w.end_s > a.start_s
  )
ORDER BY a.record_id, a.start_s
