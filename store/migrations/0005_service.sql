-- 0005: the service: tokens of its users and agents, and answers to requests that may be repeated.

CREATE TABLE token (
    id         TEXT    PRIMARY KEY,            -- shown; the part of the token before the secret
    name       TEXT    NOT NULL,               -- for people
    role       TEXT    NOT NULL CHECK (role IN ('viewer', 'worker', 'operator')),
    hash       BLOB    NOT NULL CHECK (length(hash) = 32), -- SHA-256 of the secret, which has 256 random bits
    created_ms INTEGER NOT NULL,               -- wall clock
    expires_ms INTEGER NOT NULL,               -- wall clock; 0: never
    revoked_ms INTEGER NOT NULL DEFAULT 0      -- wall clock; 0: it is valid
) STRICT, WITHOUT ROWID;

CREATE TABLE answer (                          -- to a request with an Idempotency-Key, in one transaction with what it did
    token  TEXT    NOT NULL,                   -- whose key it is
    key    TEXT    NOT NULL,
    what   BLOB    NOT NULL,                   -- SHA-256 of method, path and body: a key is for one request
    status INTEGER NOT NULL,                   -- HTTP
    body   TEXT    NOT NULL,                   -- JSON
    at_ms  INTEGER NOT NULL,                   -- wall clock; forgotten after a day
    PRIMARY KEY (token, key)
) STRICT, WITHOUT ROWID;
