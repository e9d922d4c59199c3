import { describe, it } from "@effect/vitest"
import Sqlite from "better-sqlite3"
import { Effect, type Scope } from "effect"
import * as assert from "node:assert/strict"
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import { createRequire } from "node:module"
import * as os from "node:os"
import * as path from "node:path"
import { SqliteFile, type SqliteFileError, type SqliteFileOptions } from "../../src/sqlite/SqliteFile.js"

const temporaryDirectory = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "metrics-sqlite-"))),
  (directory) =>
    Effect.sync(() => {
      fs.rmSync(directory, { recursive: true, force: true })
    })
)

const inDirectory = (
  body: (directory: string, options: SqliteFileOptions) => Effect.Effect<void, unknown, Scope.Scope>
) =>
() =>
  Effect.flatMap(temporaryDirectory, (directory) =>
    body(directory, {
      path: path.join(directory, "file.db"),
      applicationId: 4711,
      migrations: ["CREATE TABLE t (x INTEGER NOT NULL) STRICT"],
      onDamaged: "fail"
    }))

const openError = (options: SqliteFileOptions): Effect.Effect<SqliteFileError> =>
  Effect.flip(Effect.scoped(Effect.asVoid(SqliteFile.openDatabase(options)))).pipe(Effect.orDie)

const write = (options: SqliteFileOptions, x: number) =>
  Effect.scoped(Effect.map(SqliteFile.openDatabase(options), ({ created, db, setAside }) => {
    db.prepare("INSERT INTO t VALUES (?)").run(x)
    return { created, setAside }
  }))

const read = (options: SqliteFileOptions) =>
  Effect.scoped(Effect.map(SqliteFile.openDatabase(options), ({ db }) => db.prepare("SELECT x FROM t").pluck().all()))

describe("a file of ours", () => {
  it.scoped(
    "is made with its directory, and found again",
    inDirectory((directory, given) =>
      Effect.gen(function*() {
        const options = { ...given, path: path.join(directory, "deep", "er", "file.db") }
        assert.deepEqual(yield* write(options, 1), { created: true, setAside: undefined })
        assert.deepEqual(yield* write(options, 2), { created: false, setAside: undefined })
        assert.deepEqual(yield* read(options), [1, 2])
        assert.equal(fs.statSync(path.join(directory, "deep")).mode & 0o777, 0o700)
      })
    )
  )

  it.scoped(
    "is the same over either kind of connection, durable and returning its space",
    inDirectory((_, options) =>
      Effect.gen(function*() {
        yield* write(options, 1)
        const { sql } = yield* SqliteFile.open(options)
        assert.deepEqual(yield* sql`SELECT x FROM t`, [{ x: 1 }])
        assert.deepEqual(yield* sql`PRAGMA journal_mode`, [{ journal_mode: "wal" }])
        assert.deepEqual(yield* sql`PRAGMA synchronous`, [{ synchronous: 2 }])
        assert.deepEqual(yield* sql`PRAGMA auto_vacuum`, [{ auto_vacuum: 2 }])
      })
    )
  )

  it.scoped(
    "of an older version is brought up to date, its rows kept",
    inDirectory((_, options) =>
      Effect.gen(function*() {
        yield* write(options, 1)
        const newer = { ...options, migrations: [...options.migrations, "ALTER TABLE t ADD COLUMN y INTEGER"] }
        const { db } = yield* SqliteFile.openDatabase(newer)
        assert.deepEqual(db.prepare("SELECT x, y FROM t").all(), [{ x: 1, y: null }])
      })
    )
  )

  it.scoped(
    "of a newer version is refused and not touched",
    inDirectory((_, options) =>
      Effect.gen(function*() {
        yield* write({ ...options, migrations: [...options.migrations, "CREATE TABLE u (z)"] }, 1)
        const before = fs.readFileSync(options.path)
        const error = yield* openError({ ...options, onDamaged: "set-aside" })
        assert.equal(error.reason, "Newer")
        assert.match(error.message, /newer version.*not touched/)
        assert.deepEqual(fs.readFileSync(options.path), before)
      })
    )
  )

  it.scoped(
    "whose migration fails stays as it was",
    inDirectory((_, options) =>
      Effect.gen(function*() {
        yield* write(options, 1)
        const broken = { ...options, migrations: [...options.migrations, "CREATE TABLE u (z); SELECT no_such_thing"] }
        assert.equal((yield* openError(broken)).reason, "Failed")
        assert.deepEqual(yield* read(options), [1])
      })
    )
  )
})

describe("a file that is not ours", () => {
  it.scoped(
    "that is no database is refused and not touched",
    inDirectory((_, options) =>
      Effect.gen(function*() {
        const text = "this is a letter to my aunt\n".repeat(40)
        fs.writeFileSync(options.path, text)
        const error = yield* openError(options)
        assert.equal(error.reason, "NotADatabase")
        assert.ok(error.message.includes(options.path))
        assert.equal(fs.readFileSync(options.path, "utf8"), text)
      })
    )
  )

  it.scoped(
    "that is too short to be a database is refused",
    inDirectory((_, options) =>
      Effect.gen(function*() {
        fs.writeFileSync(options.path, "SQLite")
        assert.equal((yield* openError(options)).reason, "NotADatabase")
      })
    )
  )

  it.scoped(
    "that is empty becomes a database",
    inDirectory((_, options) =>
      Effect.gen(function*() {
        fs.writeFileSync(options.path, "")
        assert.deepEqual(yield* write(options, 1), { created: true, setAside: undefined })
      })
    )
  )

  it.scoped(
    "that belongs to another program is refused and not touched, even where damage is set aside",
    inDirectory((_, options) =>
      Effect.gen(function*() {
        const foreign = new Sqlite(options.path)
        foreign.exec("CREATE TABLE notes (text)")
        foreign.close()
        const before = fs.readFileSync(options.path)
        assert.equal((yield* openError({ ...options, onDamaged: "set-aside" })).reason, "Foreign")
        assert.deepEqual(fs.readFileSync(options.path), before)
      })
    )
  )
})

const fill = (options: SqliteFileOptions) =>
  Effect.scoped(Effect.map(SqliteFile.openDatabase(options), ({ db }) => {
    const add = db.prepare("INSERT INTO t VALUES (?)")
    db.transaction(() => {
      for (let i = 0; i < 5000; i++) add.run(i)
    })()
  }))

const damage = (file: string): void => {
  const handle = fs.openSync(file, "r+")
  fs.writeSync(handle, Buffer.alloc(4096 * 6, 0xa5), 0, 4096 * 6, 4096 * 2)
  fs.closeSync(handle)
}

describe("a damaged file", () => {
  it.scoped(
    "is refused with advice",
    inDirectory((_, options) =>
      Effect.gen(function*() {
        yield* fill(options)
        damage(options.path)
        const error = yield* openError(options)
        assert.equal(error.reason, "Corrupt")
        assert.match(error.message, /damaged; move it/)
      })
    )
  )

  it.scoped(
    "whose pages are damaged is set aside where that is wished",
    inDirectory((_, given) =>
      Effect.gen(function*() {
        const options: SqliteFileOptions = { ...given, onDamaged: "set-aside" }
        yield* fill(options)
        damage(options.path)
        const { created, setAside } = yield* write(options, 1)
        assert.ok(created && setAside !== undefined && fs.statSync(setAside).size > 4096 * 8)
        assert.deepEqual(yield* read(options), [1])
      })
    )
  )

  it.scoped(
    "is set aside with its journals where that is wished, each time under a new name",
    inDirectory((directory, given) =>
      Effect.gen(function*() {
        const options: SqliteFileOptions = { ...given, onDamaged: "set-aside" }
        const names: Array<string> = []
        for (let i = 0; i < 2; i++) {
          yield* fill(options)
          fs.writeFileSync(options.path, "no database any more")
          fs.writeFileSync(`${options.path}-wal`, "journal")
          const { created, setAside } = yield* write(options, 1)
          assert.ok(created && setAside !== undefined)
          assert.equal(fs.readFileSync(setAside, "utf8"), "no database any more")
          names.push(setAside)
          assert.equal(fs.readFileSync(`${setAside}-wal`, "utf8"), "journal")
          assert.deepEqual(yield* read(options), [1])
        }
        assert.equal(new Set(names).size, 2)
        assert.ok(names.every((name) => path.dirname(name) === directory && fs.existsSync(name)))
      })
    )
  )
})

describe("a directory", () => {
  it.scoped(
    "whose path leads through a file is refused",
    inDirectory((directory, options) =>
      Effect.gen(function*() {
        fs.writeFileSync(path.join(directory, "file"), "")
        const error = yield* openError({ ...options, path: path.join(directory, "file", "file.db") })
        assert.equal(error.reason, "Directory")
      })
    )
  )

  it.scoped.skipIf(!fs.existsSync("/proc/self"))(
    "that the system lets nobody make is refused, instead of trying for ever",
    inDirectory((_, options) =>
      Effect.gen(function*() {
        const error = yield* openError({ ...options, path: "/proc/nope/deeper/file.db" })
        assert.match(error.message, /^\/proc\/nope/)
      })
    )
  )

  it.scoped(
    "is made with all that are missing above it, for its owner alone",
    inDirectory((directory, options) =>
      Effect.gen(function*() {
        yield* SqliteFile.open({ ...options, path: path.join(directory, "a", "b", "file.db") })
        for (const made of ["a", path.join("a", "b")]) {
          assert.equal(fs.statSync(path.join(directory, made)).mode & 0o777, 0o700)
        }
      })
    )
  )

  it.scoped(
    "that everybody may write to is refused, and told what to do; with the sticky bit it is taken",
    inDirectory((directory, options) =>
      Effect.gen(function*() {
        fs.chmodSync(directory, 0o777)
        const error = yield* openError(options)
        assert.equal(error.reason, "Exposed")
        assert.match(error.message, /everybody may write to it: mode 0777/)
        assert.match(error.message, /chmod 700/)
        assert.deepEqual(fs.readdirSync(directory), [])
        fs.chmodSync(directory, 0o1777)
        yield* SqliteFile.open(options)
      })
    )
  )

  it.scoped(
    "that is a link of this user's own is followed, and what it leads to is looked at",
    inDirectory((directory, options) =>
      Effect.gen(function*() {
        fs.mkdirSync(path.join(directory, "real"), { mode: 0o700 })
        fs.symlinkSync("real", path.join(directory, "link"))
        const linked = { ...options, path: path.join(directory, "link", "file.db") }
        yield* Effect.scoped(SqliteFile.open(linked))
        assert.equal(fs.existsSync(path.join(directory, "real", "file.db")), true)
        fs.chmodSync(path.join(directory, "real"), 0o707)
        assert.equal((yield* openError(linked)).reason, "Exposed")
      })
    )
  )

  // Only the administrator can give a link away.
  it.scoped.skipIf(process.getuid?.() !== 0)(
    "that is another user's link, and a database behind one, are refused",
    inDirectory((directory, options) =>
      Effect.gen(function*() {
        fs.mkdirSync(path.join(directory, "real"), { mode: 0o700 })
        fs.symlinkSync("real", path.join(directory, "link"))
        fs.lchownSync(path.join(directory, "link"), 12_345, 12_345)
        const error = yield* openError({ ...options, path: path.join(directory, "link", "file.db") })
        assert.match(error.message, /it is a link that the user 12345 made/)
        fs.symlinkSync(path.join(directory, "real", "elsewhere.db"), options.path)
        fs.lchownSync(options.path, 12_345, 12_345)
        assert.match((yield* openError(options)).message, /it is a link that the user 12345 made/)
        assert.deepEqual(fs.readdirSync(path.join(directory, "real")), [])
      })
    )
  )

  it.scoped(
    "holds files that their owner alone may read, whatever the umask; a database that everybody may write is refused",
    inDirectory((directory, options) =>
      Effect.gen(function*() {
        const { sql } = yield* SqliteFile.open(options)
        yield* sql`CREATE TABLE more (x)`
        const names = fs.readdirSync(directory)
        for (const name of ["file.db", "file.db-shm", "file.db-wal", "file.db.lock"]) {
          assert.ok(names.includes(name), name)
        }
        for (const name of names) {
          assert.equal(fs.statSync(path.join(directory, name)).mode & 0o777, 0o600, name)
        }
        const other = { ...options, path: path.join(directory, "other.db") }
        yield* Effect.scoped(SqliteFile.open(other))
        fs.chmodSync(other.path, 0o666)
        assert.match((yield* openError(other)).message, /other\.db is open to other users.*mode 0666/)
      })
    )
  )

  it.scoped(
    "that stands where the file should be is refused",
    inDirectory((_, options) =>
      Effect.gen(function*() {
        fs.mkdirSync(options.path)
        assert.equal((yield* openError(options)).reason, "Directory")
      })
    )
  )

  // To the administrator everything is permitted.
  it.scoped.skipIf(process.getuid?.() === 0)(
    "that may not be written is refused",
    inDirectory((directory, options) =>
      Effect.gen(function*() {
        fs.chmodSync(directory, 0o500)
        const error = yield* openError(options)
        fs.chmodSync(directory, 0o700)
        assert.equal(error.reason, "Permission")
      })
    )
  )
})

describe("the lock", () => {
  it.scoped(
    "lets one in, and the next when it has gone",
    inDirectory((_, options) =>
      Effect.gen(function*() {
        yield* Effect.scoped(Effect.gen(function*() {
          yield* SqliteFile.openDatabase(options)
          assert.equal((yield* openError(options)).reason, "Locked")
          // Someone who only looks may look.
          assert.equal(
            (yield* Effect.either(Effect.scoped(SqliteFile.open({ ...options, lock: false }))))._tag,
            "Right"
          )
        }))
        yield* write(options, 1)
      })
    )
  )

  it.scoped(
    "goes with a process that is killed",
    inDirectory((_, options) =>
      Effect.gen(function*() {
        yield* write(options, 1)
        const driver = createRequire(import.meta.url).resolve("better-sqlite3")
        const program = `const db = new (require(${JSON.stringify(driver)}))(${JSON.stringify(`${options.path}.lock`)})
          db.exec("BEGIN EXCLUSIVE"); console.log("locked"); setInterval(() => db, 1000)`
        const child = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit"] })
        yield* Effect.addFinalizer(() => Effect.sync(() => child.kill("SIGKILL")))
        yield* Effect.promise(() => new Promise((resolve) => child.stdout.once("data", resolve)))
        assert.equal((yield* openError(options)).reason, "Locked")
        const gone = new Promise((resolve) => child.once("exit", resolve))
        child.kill("SIGKILL")
        yield* Effect.promise(() => gone)
        yield* write(options, 2)
        assert.deepEqual(yield* read(options), [1, 2])
      })
    )
  )
})
