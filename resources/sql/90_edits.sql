-- What was changed, the newest first
SELECT record_id, "at", author, title, path, before, after, note
FROM edits
ORDER BY "at" DESC
