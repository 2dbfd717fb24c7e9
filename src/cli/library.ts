/** The library, loaded when a command runs: the engine takes time to load, and `--help` needs none of it. */

export type Library = typeof import("../index.ts")

/** Loads the library. */
export function loadLibrary(): Promise<Library> {
  return import("../index.ts")
}
