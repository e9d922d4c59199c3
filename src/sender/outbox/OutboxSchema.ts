/** Tells an outbox from other SQLite files: the letters `MCob`. */
export const OUTBOX_APPLICATION_ID = 0x4d436f62

/** Version of the rows of `batches`. */
export const OUTBOX_ROW_VERSION = 1

/**
 * SQL of each version of an outbox's file.
 *
 * - `meta`: `sender`, the outbox's UUID; `opened`, when it was opened, while it is open
 * - `streams`: a row an opening that still has something to deliver; `batches` and `bytes` are those of its rows
 * - `definitions`: series by id, each id belonging to its stream
 * - `batches`: a row a batch; `ids` and `columns` are text, `crc` the checksum of the row
 * - `skips`: offsets that are lost and not yet declared to the server
 * - `dead_letters`: points that the server refused
 * - `losses`: what the collector wrote down as lost, a row for each offset `at` of a stream that tells of a loss in place
 *   of a point; `count` is NULL where nobody could count. Rows stay for a while after the server has acknowledged them;
 *   those that only a server was given which takes no losses are not `told`
 * - `plain`: streams delivered in plain mode: acknowledgements from the offset `first` on are no server's account, and all
 *   before `sent` was on its way
 *
 * Times are ms since the epoch.
 */
export const outboxMigrations: ReadonlyArray<string> = [
  `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE streams (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    stream TEXT NOT NULL UNIQUE,
    acked INTEGER NOT NULL,
    next INTEGER NOT NULL,
    batches INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    committed INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE definitions (
    stream INTEGER NOT NULL,
    id INTEGER NOT NULL,
    definition TEXT NOT NULL,
    PRIMARY KEY (stream, id)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE batches (
    seq INTEGER PRIMARY KEY,
    stream INTEGER NOT NULL,
    first INTEGER NOT NULL,
    count INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    time_from INTEGER NOT NULL,
    time_to INTEGER NOT NULL,
    version INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    ids TEXT NOT NULL,
    columns TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX batches_by_offset ON batches (stream, first);
  CREATE TABLE skips (
    stream INTEGER NOT NULL,
    first INTEGER NOT NULL,
    next INTEGER NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (stream, first)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE dead_letters (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    stream TEXT NOT NULL,
    at INTEGER NOT NULL,
    reason TEXT NOT NULL,
    metric TEXT
  ) STRICT;
  `,
  `
  CREATE TABLE losses (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    stream TEXT NOT NULL,
    at INTEGER NOT NULL,
    source TEXT NOT NULL,
    reason TEXT NOT NULL,
    count INTEGER,
    time_from INTEGER NOT NULL,
    time_to INTEGER NOT NULL,
    detail TEXT,
    UNIQUE (stream, at)
  ) STRICT;
  `,
  `
  CREATE TABLE plain (
    stream INTEGER PRIMARY KEY,
    first INTEGER NOT NULL,
    sent INTEGER NOT NULL
  ) STRICT;
  ALTER TABLE losses ADD COLUMN told INTEGER NOT NULL DEFAULT 1;
  `
]
