-- Flagged by one curator and not the other
SELECT record_id, string_agg(DISTINCT flag, ', ') AS flags, min(author) AS by_whom, max("at") AS last_at
FROM flags
GROUP BY record_id
HAVING count(DISTINCT author) = 1
   AND (SELECT count(DISTINCT author) FROM flags) > 1
ORDER BY record_id
