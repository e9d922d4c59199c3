/** Tells a store from other SQLite files: the letters `MCst`. */
export const STORE_APPLICATION_ID = 0x4d437374

/**
 * SQL of each version of a store's file.
 *
 * - `store`: one row, the store's random id
 * - `series`: the dictionary; `key` is the JSON of `[origin, metric_type, tags]`. All points of a series up to row
 *   `flushed` of the log stand in chunks; `points`, `first`, `last` and `newest_…` tell of the chunks, so that a start
 *   need not read them
 * - `log`: a row a batch, in the order of arrival; `data` as in LogRow.ts, `crc` its checksum. A row goes when every
 *   series has passed it
 * - `chunks`: points of one series and UTC day, as in docs/chunk-format.md. Of two chunks of a series and day the one
 *   with the smaller id holds the earlier arrivals
 * - `rollups`: the points of one series and UTC day, minute by minute: of all its chunks up to `up_to`, which never
 *   change again. Points that came later are added from time to time
 * - `fields`: the fields of a chunk's points, where there are any
 * - `streams`, `rejections`, `losses`: what is known of senders. `streams.declarations` counts offsets that told of a
 *   loss and never were a metric, `streams.lost` offsets that were and are lost. In `losses`, `count` is NULL where
 *   nobody could count; `generator`, `time_from` and `time_to` are those of a loss before the sender accepted anything
 *
 * Times are ms since the epoch. An id of `series`, `log` or `losses` is never used twice.
 */
export const storeMigrations: ReadonlyArray<string> = [
  `
  CREATE TABLE store (id TEXT NOT NULL) STRICT;
  CREATE TABLE series (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    kind TEXT,
    unit TEXT,
    flushed INTEGER NOT NULL DEFAULT 0,
    points INTEGER NOT NULL DEFAULT 0,
    first INTEGER,
    last INTEGER,
    newest_time INTEGER,
    newest_value REAL,
    newest_fields TEXT
  ) STRICT;
  CREATE TABLE log (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    crc INTEGER NOT NULL,
    data BLOB NOT NULL
  ) STRICT;
  CREATE TABLE chunks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    series INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    count INTEGER NOT NULL,
    sum REAL NOT NULL,
    min REAL NOT NULL,
    max REAL NOT NULL,
    first_value REAL NOT NULL,
    last_value REAL NOT NULL,
    data BLOB NOT NULL
  ) STRICT;
  CREATE INDEX chunks_of_series ON chunks (series, first, last, count);
  CREATE TABLE rollups (
    series INTEGER NOT NULL,
    day INTEGER NOT NULL,
    up_to INTEGER NOT NULL,
    data BLOB NOT NULL,
    UNIQUE (series, day)
  ) STRICT;
  CREATE TABLE fields (chunk INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;
  CREATE TABLE streams (
    stream TEXT PRIMARY KEY,
    sender TEXT NOT NULL,
    owner TEXT NOT NULL,
    next INTEGER NOT NULL,
    rejected INTEGER NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE rejections (
    stream TEXT NOT NULL,
    at INTEGER NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (stream, at)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE losses (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    stream TEXT NOT NULL,
    sender TEXT NOT NULL,
    from_offset INTEGER NOT NULL,
    to_offset INTEGER NOT NULL,
    count INTEGER NOT NULL,
    reason TEXT NOT NULL,
    at INTEGER NOT NULL
  ) STRICT;
  `,
  `
  ALTER TABLE streams ADD COLUMN lost INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE streams ADD COLUMN declarations INTEGER NOT NULL DEFAULT 0;
  UPDATE streams SET lost = (
    SELECT coalesce(sum(count), 0) FROM losses WHERE losses.stream = streams.stream AND reason NOT LIKE 'rejected: %'
  );
  CREATE TABLE uncounted_losses (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    stream TEXT NOT NULL,
    sender TEXT NOT NULL,
    from_offset INTEGER NOT NULL,
    to_offset INTEGER NOT NULL,
    count INTEGER,
    reason TEXT NOT NULL,
    at INTEGER NOT NULL,
    generator TEXT,
    time_from INTEGER,
    time_to INTEGER
  ) STRICT;
  INSERT INTO uncounted_losses SELECT *, NULL, NULL, NULL FROM losses;
  DROP TABLE losses;
  ALTER TABLE uncounted_losses RENAME TO losses;
  `
]
