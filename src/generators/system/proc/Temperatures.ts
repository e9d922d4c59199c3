import { Clock, Duration, Effect, type Scope } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"
import type { TemperatureMetrics } from "../../../domain/SystemMetrics.js"
import { LastKnown } from "../LastKnown.js"

/** How often sensors are read. */
const every = Duration.seconds(5)

/** How often new sensors are looked for. */
const lookAgain = Duration.minutes(1)

/** How long the last reading counts. */
const keep = Duration.seconds(60)

/** A temperature sensor and the open file that tells its reading in thousandths of a degree. */
interface Sensor {
  readonly labels: Omit<TemperatureMetrics, "celsius">
  readonly descriptor: number
}

const list = (directory: string): ReadonlyArray<string> => {
  try {
    return fs.readdirSync(directory).sort()
  } catch {
    return []
  }
}

const readLine = (file: string): string | undefined => {
  try {
    const text = fs.readFileSync(file, "utf8").trim()
    return text === "" ? undefined : text
  } catch {
    return undefined
  }
}

const linkName = (link: string): string | undefined => {
  try {
    return path.basename(fs.readlinkSync(link))
  } catch {
    return undefined
  }
}

const openSensor = (file: string, labels: Sensor["labels"]): ReadonlyArray<Sensor> => {
  try {
    return [{ labels, descriptor: fs.openSync(file, "r") }]
  } catch {
    return []
  }
}

// Documentation/hwmon/sysfs-interface.rst. The device tells two chips of one
// kind apart (two SSDs, two sockets) and stays the same when chips are renumbered.
const findHwmon = (sysfs: string): ReadonlyArray<Sensor> =>
  list(`${sysfs}/class/hwmon`).flatMap((hwmon) => {
    const directory = `${sysfs}/class/hwmon/${hwmon}`
    const chip = readLine(`${directory}/name`) ?? hwmon
    const device = linkName(`${directory}/device`)
    return list(directory).flatMap((file) => {
      const match = /^(temp\d+)_input$/.exec(file)
      if (match === null) return []
      const sensor = readLine(`${directory}/${match[1]}_label`) ?? match[1]
      return openSensor(`${directory}/${file}`, { sensor, chip, device })
    })
  })

// Documentation/driver-api/thermal/sysfs-api.rst.
const findThermalZones = (sysfs: string): ReadonlyArray<Sensor> =>
  list(`${sysfs}/class/thermal`).flatMap((zone) => {
    if (!zone.startsWith("thermal_zone")) return []
    const directory = `${sysfs}/class/thermal/${zone}`
    const sensor = readLine(`${directory}/type`) ?? zone
    return openSensor(`${directory}/temp`, { sensor, chip: "thermal", device: zone })
  })

// Most thermal zones stand among the chips of hwmon too, with better names.
const findSensors = (sysfs: string): ReadonlyArray<Sensor> => {
  const sensors = findHwmon(sysfs)
  return sensors.length > 0 ? sensors : findThermalZones(sysfs)
}

const closeAll = (sensors: ReadonlyArray<Sensor>): void => {
  for (const { descriptor } of sensors) fs.closeSync(descriptor)
}

// Not synchronous, as the files of /proc are read: some sensors sit behind a
// slow bus or a sleeping disk, and take hundreds of milliseconds.
const readSensors = (sensors: ReadonlyArray<Sensor>): Effect.Effect<ReadonlyArray<TemperatureMetrics>> =>
  Effect.async((resume) => {
    const bytes = Buffer.alloc(32)
    const readings: Array<TemperatureMetrics> = []
    let cancelled = false
    const next = (i: number): void => {
      if (cancelled) return
      if (i === sensors.length) return resume(Effect.succeed(readings))
      fs.read(sensors[i].descriptor, bytes, 0, bytes.length, 0, (error, length) => {
        // A sensor that is switched off or gone answers with an error.
        const text = error === null ? bytes.toString("latin1", 0, length).trim() : ""
        if (/^-?\d+$/.test(text)) readings.push({ ...sensors[i].labels, celsius: Number(text) / 1000 })
        next(i + 1)
      })
    }
    next(0)
    return Effect.sync(() => {
      cancelled = true
    })
  })

/** Keeps the readings of the sensors under `sysfs`, or of the thermal zones where there are none. */
const make = (
  sysfs: string
): Effect.Effect<LastKnown<ReadonlyArray<TemperatureMetrics>>, never, Scope.Scope> =>
  Effect.gen(function*() {
    let sensors: ReadonlyArray<Sensor> = []
    let lookedAt = -Infinity
    yield* Effect.addFinalizer(() => Effect.sync(() => closeAll(sensors)))
    const read = Effect.gen(function*() {
      const now = yield* Clock.currentTimeMillis
      if (now - lookedAt >= Duration.toMillis(lookAgain)) {
        lookedAt = now
        closeAll(sensors)
        sensors = findSensors(sysfs)
      }
      return yield* readSensors(sensors)
    })
    return yield* LastKnown.make("Temperature sensors", read, { every, keep })
  })

/** Makes the readings of temperature sensors. */
export const Temperatures = { make }
