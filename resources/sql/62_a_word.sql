-- Every place where a word is said
SELECT record_id, start_s, end_s, text, speaker
FROM words
WHERE text ILIKE '%past%'
ORDER BY record_id, start_s
