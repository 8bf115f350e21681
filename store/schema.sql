-- Version 1 of the store. docs/schema.md explains it; schema.cpp applies it. PRAGMA user_version holds the version and
-- PRAGMA application_id marks the file as ours (0x4B50524F, "KPRO").
-- Integer keys inside; text ids only in trace.id. Times: TEXT is UTC, ISO 8601 with microseconds and Z; *_ns are nanoseconds.

CREATE TABLE process (
    id INTEGER PRIMARY KEY,
    uuid BLOB NOT NULL UNIQUE,               -- 16 random bytes, drawn by the process
    parent_uuid BLOB,                        -- the process it was forked from, when that one recorded
    pid INTEGER NOT NULL,                    -- as the collector sees it
    own_pid INTEGER NOT NULL,                -- as the process sees it (another pid namespace)
    start_time INTEGER NOT NULL,             -- with boot_id and pid: names the process on its host
    boot_id TEXT NOT NULL,
    host TEXT NOT NULL,
    python TEXT NOT NULL,
    implementation TEXT NOT NULL,
    version TEXT NOT NULL,                   -- of the probe
    git_sha TEXT,
    argv TEXT NOT NULL,                      -- JSON array, redacted
    cwd TEXT NOT NULL,
    state TEXT NOT NULL,                     -- connected, disconnected, ended, crashed, unknown
    accounting TEXT NOT NULL DEFAULT 'exact',-- exact, unknown
    connected_at TEXT NOT NULL,
    ended_at TEXT,
    codes_offset INTEGER NOT NULL DEFAULT 0, -- bytes of the codes area that are stored
    emitted_blockless INTEGER NOT NULL DEFAULT 0,
    emitted INTEGER NOT NULL DEFAULT 0,      -- events, as the process counted them: sum over its rings, and blockless
    stored INTEGER NOT NULL DEFAULT 0,       -- events, as the collector counted them
    traces_refused INTEGER NOT NULL DEFAULT 0,
    codes_lost INTEGER NOT NULL DEFAULT 0,
    unknown_records INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE clock (
    process_id INTEGER NOT NULL REFERENCES process(id),
    ticks INTEGER NOT NULL,                  -- unsigned 64 bits, stored as signed
    monotonic_ns INTEGER NOT NULL,
    realtime_ns INTEGER NOT NULL,
    PRIMARY KEY (process_id, ticks)
) WITHOUT ROWID;

-- How far each ring is stored: everything before (sequence, "offset").
CREATE TABLE ring (
    process_id INTEGER NOT NULL REFERENCES process(id),
    ring INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    "offset" INTEGER NOT NULL,
    emitted INTEGER NOT NULL,
    PRIMARY KEY (process_id, ring)
) WITHOUT ROWID;

CREATE TABLE thread (
    id INTEGER PRIMARY KEY,
    process_id INTEGER NOT NULL REFERENCES process(id),
    ring INTEGER NOT NULL,                   -- the first half of the ids of activations that started in it
    native_id INTEGER NOT NULL,
    ident INTEGER NOT NULL,
    name TEXT,
    UNIQUE (process_id, ring)
);

CREATE TABLE code (
    id INTEGER PRIMARY KEY,
    process_id INTEGER NOT NULL REFERENCES process(id),
    number INTEGER NOT NULL,
    name TEXT NOT NULL,
    qualname TEXT,
    path TEXT NOT NULL,
    first_line INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    argument_count INTEGER NOT NULL,
    variables TEXT NOT NULL,                 -- JSON array of names, arguments first
    UNIQUE (process_id, number)
);
CREATE INDEX code_qualname ON code (qualname);

CREATE TABLE trace (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,                 -- "trc_" and a ULID
    process_id INTEGER NOT NULL REFERENCES process(id),
    number INTEGER NOT NULL,                 -- within its process
    name TEXT,
    kind TEXT NOT NULL,                      -- request, script, test, block, job, command, fork
    status TEXT NOT NULL,                    -- open, complete, interrupted, crashed
    started_at TEXT NOT NULL,
    duration_ns INTEGER,                     -- NULL while open
    version TEXT NOT NULL,                   -- of the probe, as the next two when the trace began
    git_sha TEXT,
    argv TEXT NOT NULL,                      -- JSON array
    is_pinned INTEGER NOT NULL DEFAULT 0,
    begin_ticks INTEGER NOT NULL,
    end_ticks INTEGER,
    parent_id TEXT,                          -- the trace it began in (linked); may be of another process
    parent_ring INTEGER,                     -- the activation it began in
    parent_ordinal INTEGER,
    emitted INTEGER NOT NULL DEFAULT 0,      -- events, as the process counted them
    stored INTEGER NOT NULL DEFAULT 0,       -- events, as the collector counted them
    activations INTEGER NOT NULL DEFAULT 0,  -- starts among them
    unwinds INTEGER NOT NULL DEFAULT 0,      -- unwinds among them
    is_merged INTEGER NOT NULL DEFAULT 0,    -- its chunks are merged and compressed
    UNIQUE (process_id, number)
);
CREATE INDEX trace_started_at ON trace (started_at);
CREATE INDEX trace_open ON trace (process_id) WHERE status = 'open';

-- Immutable pieces of a trace: proto/slice.hpp. Deleted only by merging, by retention and by the user.
CREATE TABLE chunk (
    id INTEGER PRIMARY KEY,
    trace_key INTEGER NOT NULL REFERENCES trace(key),
    format INTEGER NOT NULL,                 -- 1: slices
    codec INTEGER NOT NULL,                  -- 0: none, 1: zstd
    dictionary INTEGER,                      -- none yet
    events INTEGER NOT NULL,
    raw_bytes INTEGER NOT NULL,
    data BLOB NOT NULL
);
CREATE INDEX chunk_trace ON chunk (trace_key);

-- Which code occurs in which trace; written when the trace closes.
CREATE TABLE trace_code (
    code_id INTEGER NOT NULL REFERENCES code(id),
    trace_key INTEGER NOT NULL REFERENCES trace(key),
    activations INTEGER NOT NULL,
    PRIMARY KEY (code_id, trace_key)
) WITHOUT ROWID;
CREATE INDEX trace_code_trace ON trace_code (trace_key);

CREATE TABLE span (                          -- version 2 makes it anew
    id INTEGER PRIMARY KEY,
    trace_key INTEGER NOT NULL REFERENCES trace(key),
    ring INTEGER,                            -- the activation it belongs to
    ordinal INTEGER,
    kind TEXT NOT NULL,
    name TEXT,
    start_ns INTEGER NOT NULL,               -- from the trace's start
    duration_ns INTEGER,
    data BLOB                                -- msgpack map
);
CREATE INDEX span_trace ON span (trace_key);

CREATE TABLE loss (
    process_id INTEGER NOT NULL REFERENCES process(id),
    trace_key INTEGER REFERENCES trace(key), -- NULL: not of one trace
    reason TEXT NOT NULL,
    events INTEGER NOT NULL
);
CREATE UNIQUE INDEX loss_place ON loss (process_id, ifnull(trace_key, 0), reason);
CREATE INDEX loss_trace ON loss (trace_key);
