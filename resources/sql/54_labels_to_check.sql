-- Labels to be checked again, and incomplete ones
-- What they hang on was changed, or they are not anchored in all that their tier asks for.
SELECT record_id, start_s, end_s, tier, label, author, recheck, lacks
FROM annotations
WHERE recheck IS NOT NULL OR len(lacks) > 0
ORDER BY record_id, start_s
