import { createRequire } from "node:module"
import * as path from "node:path"

/** Loads a package as a program in the folder would; its shape is for the caller to check. */
export const loadModule = <Shape>(
  modules: string,
  name: string,
  isShape: (loaded: unknown) => loaded is Shape
): Shape => {
  const loaded: unknown = createRequire(path.join(path.resolve(modules), "from.js"))(name)
  if (!isShape(loaded)) throw new Error(`${name} is not what it was when this benchmark was written`)
  return loaded
}
