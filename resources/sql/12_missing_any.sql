-- What each record lacks
SELECT record_id, string_agg(modality || ' ' || state, ', ' ORDER BY modality) AS lacks
FROM coverage
WHERE state <> 'present'
GROUP BY record_id
ORDER BY count(*) DESC, record_id
