/** Files of JSON that may be there or not. */

import { readFile, stat } from "node:fs/promises"

/** They are far smaller: some hundred bytes for each class or tensor. */
const maxSize = 100_000_000

/** What a JSON file holds; undefined if there is none, it is far too large, or holds something else. */
export async function readJsonFile(path: string): Promise<unknown> {
  try {
    if ((await stat(path)).size > maxSize) return undefined
    return JSON.parse(await readFile(path, "utf8"))
  } catch {
    return undefined
  }
}
