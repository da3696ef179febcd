-- Version 1 of the file of an archive. Times are in microseconds since 1970, UTC. `sum` is the
-- beginning of the SHA-256 of the row's other columns; ids are replaced by what they stand for.

CREATE TABLE source (id INTEGER PRIMARY KEY, name TEXT UNIQUE);  -- NULL if it is unknown

-- A job, by the official string of its id and the version of the API that it is of.
CREATE TABLE job (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, api TEXT NOT NULL,
    observations INTEGER NOT NULL, expected_at INTEGER, expected_type TEXT, sum BLOB NOT NULL,
    UNIQUE (name, api));

-- A large value of a state, or some that are neighbours. A body is a byte, 0 for plain or 1 for
-- zlib, and what is stored; after zlib, the CRC-32 of all that, which the first archives do not have.
CREATE TABLE value (id INTEGER PRIMARY KEY, sha BLOB NOT NULL UNIQUE, body BLOB NOT NULL);

-- What a server said of a job, in one writing: a JSON list of strings with ids of values between.
CREATE TABLE state (
    id INTEGER PRIMARY KEY, job INTEGER NOT NULL REFERENCES job,
    digest BLOB NOT NULL CHECK (length(digest) = 32), sha BLOB NOT NULL,
    circuit_type TEXT NOT NULL, status TEXT NOT NULL, is_terminal INTEGER NOT NULL,
    target TEXT, user_email TEXT, submitted_us INTEGER,
    body BLOB NOT NULL, sum BLOB NOT NULL, UNIQUE (digest, sha));
CREATE INDEX state_job ON state (job);

-- That a source said a state at one moment; offset_s is the offset from UTC of that time as given.
CREATE TABLE seen (
    job INTEGER NOT NULL REFERENCES job, at INTEGER NOT NULL,
    state INTEGER NOT NULL REFERENCES state, source INTEGER NOT NULL REFERENCES source,
    offset_s INTEGER NOT NULL, sum BLOB NOT NULL,
    PRIMARY KEY (job, at, state, source, offset_s)) WITHOUT ROWID;

-- An index: the last observation of a job in a format, by time. in_order is 1 while that is also the
-- newest state, and was so at each observation before.
CREATE TABLE head (
    job INTEGER NOT NULL REFERENCES job, circuit_type TEXT NOT NULL,
    state INTEGER NOT NULL REFERENCES state, at INTEGER NOT NULL, in_order INTEGER NOT NULL,
    sum BLOB NOT NULL, PRIMARY KEY (job, circuit_type)) WITHOUT ROWID;
