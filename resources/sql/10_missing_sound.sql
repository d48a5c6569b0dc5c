-- Missing sound
SELECT record_id, state
FROM coverage
WHERE modality = 'audio' AND state <> 'present'
ORDER BY record_id
