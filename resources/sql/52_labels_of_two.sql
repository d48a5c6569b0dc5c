-- Same label, two authors, apart in time
-- Overlapping labels that begin more than 200 ms apart.
SELECT a.record_id, a.start_s, a.end_s, a.tier, a.label, a.author AS one, b.author AS other,
       (b.start_s - a.start_s) * 1000 AS apart_ms
FROM annotations a
JOIN annotations b
  ON a.record_id = b.record_id AND a.tier = b.tier AND a.label = b.label AND a.author < b.author
 AND a.start_s < b.end_s AND b.start_s < a.end_s
WHERE abs(b.start_s - a.start_s) > 0.2
ORDER BY abs(apart_ms) DESC
