-- Findings, the worst first
SELECT record_id, start_s, end_s, severity, "check", message, value, unit, tolerance, fix
FROM findings
WHERE status <> 'ok'
ORDER BY severity DESC, confidence DESC
