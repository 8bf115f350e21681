-- Version 2: spans from their start to their end, and groups of traces.

-- Hexadecimal, the trace id of W3C Trace Context: all traces that one user action led to share it.
ALTER TABLE trace ADD COLUMN group_id TEXT;
CREATE INDEX trace_group ON trace (group_id);

-- Version 1 had nothing to put in it.
DROP TABLE span;

CREATE TABLE span (
    id INTEGER PRIMARY KEY,
    trace_key INTEGER NOT NULL REFERENCES trace(key),
    number INTEGER NOT NULL,                 -- within its process
    ring INTEGER,                            -- the activation it began in
    ordinal INTEGER,
    kind TEXT NOT NULL,                      -- request, sql, template, http, log, job, test, …
    type TEXT NOT NULL,                      -- as its processor calls its start, and its end
    end_type TEXT,
    subtype TEXT,
    name TEXT,
    start_ns INTEGER NOT NULL,               -- from the trace's start
    duration_ns INTEGER,                     -- NULL: it has not ended
    outcome TEXT,                            -- returned, raised; NULL: not ended, or a point in time
    data BLOB NOT NULL,                      -- msgpack map: what was told at its start
    end_data BLOB,                           -- and at its end
    UNIQUE (trace_key, number)
);
CREATE INDEX span_kind ON span (kind, name);
