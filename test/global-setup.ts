/** Some tests run what is built: dist/ must be there and no older than src/ before the first test begins. */

import { spawnSync } from "node:child_process"
import { existsSync, readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))

/** Builds dist/ if it is missing or older than what it is built from. Throws an Error if the build fails. */
export default function buildIfStale(): void {
  const built = join(root, "dist/index.js")
  if (existsSync(built) && statSync(built).mtimeMs >= newestSource()) return
  console.log(`${existsSync(built) ? "dist/ is older than src/" : "dist/ is missing"}: building it first`)
  const { status, error } = spawnSync(process.execPath, [join(root, "scripts/build.mjs")], {
    cwd: root,
    stdio: "inherit",
  })
  if (status !== 0)
    throw new Error(`dist/ cannot be built; see above, or try \`npm run build\`${error ? `: ${error.message}` : ""}`)
}

/** When the newest file that goes into dist/ was written, in milliseconds. */
function newestSource(): number {
  const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts") && !/\.(test|fixture)\.ts$/.test(path))
    .map((path) => join("src", path))
  const files = [...sources, "tsdown.config.ts", "tsconfig.json"]
  return Math.max(...files.map((path) => statSync(join(root, path)).mtimeMs))
}
