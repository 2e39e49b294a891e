-- CLAIMABLE --
SELECT t.execution_id, e.history_count FROM task t JOIN execution e ON e.id = t.execution_id
WHERE t.id = ? AND t.status = 'QUEUED' AND e.status = 'IN_PROGRESS' AND NOT e.paused
  AND (? OR t.losses < 2) AND (substr(t.function, 1, instr(t.function || '::', '::') - 1) IN ({})
    OR EXISTS (SELECT 1 FROM stored_function f WHERE f.name = substr(t.function, 1, instr(t.function || '::', '::') - 1)))

-- TAKE --
UPDATE task SET status = 'IN_PROGRESS', attempt = attempt + 1, owner = ?, lease_until = CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER) + ?, started_at = CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER),
  missing_since = NULL, deadline_at = CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER) + CAST(timeout_seconds * 1000 AS INTEGER),
  beat_by = CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER) + CAST(heartbeat_seconds * 1000 AS INTEGER) WHERE id = ?

-- COUNT --
UPDATE execution SET history_count = history_count + ? WHERE id = ?

-- STARTED --
INSERT INTO history (execution_id, id, type, at, frame, step, details)
SELECT execution_id, ?, 'TaskStarted', CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER), frame, step, json_object('task', number, 'attempt', attempt)
FROM task WHERE id = ?

-- TAKEN --
SELECT t.id, t.execution_id, t.number, t.frame, t.entry, t.step, t.function, t.attempt, t.owner, t.retries, t.losses, t.timeout_seconds, t.token, t.input, e.name, e.workflow, e.version_id, e.revision, e.history_count, e.input, e.created_at, e.parent, e.redrives, e.redriven_at, e.state, e.entry, e.entered_at, e.waiting, e.retries, e.open, e.data, e.begun, e.children, e.variables, CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER) FROM task t JOIN execution e ON e.id = t.execution_id WHERE t.id = ?

-- IS_CURRENT --
SELECT t.started_at FROM task t JOIN execution e ON e.id = t.execution_id
WHERE e.id = ? AND e.revision = ? AND e.history_count = ? AND e.status = 'IN_PROGRESS' AND NOT e.paused
  AND t.id = ? AND t.attempt = ? AND t.owner = ? AND t.status = 'IN_PROGRESS'

-- DONE --
UPDATE task SET status = 'COMPLETED', result = ?, error = NULL, cause = NULL, finished_at = CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER), owner = NULL,
  lease_until = NULL, deadline_at = NULL WHERE id = ?

-- TRIED --
INSERT INTO attempt (task_id, attempt, owner, outcome, logs, started_at, finished_at)
VALUES (?, ?, ?, 'COMPLETED', ?, ?, CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER))

-- FOLLOW --
UPDATE task SET status = ?2, attempt = attempt + ?3, owner = ?4, entry = ?5, input = ?6, queued_at = CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER),
  timeout_seconds = ?7, lease_until = CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER) + ?8, started_at = CASE WHEN ?3 THEN CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER) END,
  deadline_at = CASE WHEN ?3 THEN CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER) + CAST(?7 * 1000 AS INTEGER) END WHERE id = ?1 RETURNING attempt

-- MAKE --
INSERT INTO task (id, execution_id, number, frame, entry, step, function, status, attempt, retries, losses, data,
  created_at) VALUES (?, ?, ?, '', ?, ?, ?, 'PENDING', 0, 0, 0, 'null', CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER))

-- MOVE --
UPDATE execution SET state = ?1, entry = ?2, entered_at = ?3, waiting = ?4, retries = ?5, open = ?6, data = ?7,
  begun = ?8, children = ?9, variables = ?10, status = ?11, output = ?12, revision = revision + 1,
  history_count = history_count + ?13,
  finished_at = CASE WHEN ?11 <> 'IN_PROGRESS' THEN CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER) END WHERE id = ?14

-- HEARTBEAT --
UPDATE task SET lease_until = CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER) + ? WHERE owner = ? AND status = 'IN_PROGRESS' AND (id, attempt) IN (VALUES {})
RETURNING id, attempt

-- KEEP --
INSERT INTO start_key (key, body_hash, execution_id, created_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING 1

-- BEGIN --
INSERT INTO execution (id, name, workflow_id, workflow, version_id, version, status, paused, revision, history_count,
  state, entry, entered_at, waiting, retries, open, data, begun, children, variables, input, output, error, cause,
  created_at, published, alias, trace, parent, finished_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, 0, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22,
  ?23, ?24, ?25, ?26, ?27, CASE WHEN ?7 <> 'IN_PROGRESS' THEN CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER) END)

-- NEW_TASK --
INSERT INTO task (execution_id, id, number, frame, entry, step, function, status, attempt, retries, losses, queued_at,
  finished_at, deadline_at, data, input, timeout_seconds, token, heartbeat_seconds, created_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, 0, 0, CASE WHEN ?8 = 'QUEUED' THEN CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER) END,
  CASE WHEN ?8 = 'CANCELLED' THEN CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER) END,
  CASE WHEN ?8 = 'IN_PROGRESS' THEN CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER) + CAST(?11 * 1000 AS INTEGER) END, ?9, ?10, ?11, ?12, ?13, CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER))

-- NEW_FRAME --
INSERT INTO frame (execution_id, path, state, entry, entered_at, waiting, retries, open, data, output, begun, children,
  variables, item) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- NEW_TIMER --
INSERT INTO timer (execution_id, frame, entry, number, kind, due_at) VALUES (?, ?, ?, ?, ?, CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER) + ?)

-- TELL --
INSERT INTO timer (execution_id, frame, entry, number, kind, due_at)
SELECT execution_id, frame, entry, ?2, ?3, CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER) FROM map_run WHERE id = ?1 AND status = 'RUNNING'
ON CONFLICT DO NOTHING

-- LINE --
INSERT INTO history (execution_id, id, type, at, frame, step, details) VALUES (?, ?, ?, CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER), ?, ?, ?)
