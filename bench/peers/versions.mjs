/** Versions of what computes, as a subject tells them: Node's, and that of a package that is installed beside this file. */

import { readFileSync } from "node:fs"

export function versionsWith(name) {
  const file = new URL(`node_modules/${name}/package.json`, import.meta.url)
  return { [name]: JSON.parse(readFileSync(file, "utf8")).version, node: process.versions.node }
}
