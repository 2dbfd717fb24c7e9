#!/usr/bin/env node
// The door to dist/cli/main.js. Syntax and imports here are those that old versions of Node understand, so that they
// get to the message that says they are too old.

const [major, minor] = process.versions.node.split(".").map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`convnext: Node 20.19 or newer is needed, this is ${process.versions.node}; see https://nodejs.org`)
  process.exit(1)
}

start().catch((error) => {
  console.error(error)
  process.exit(1)
})

async function start() {
  const { existsSync } = await import("node:fs")
  const { fileURLToPath } = await import("node:url")
  const main = new URL("../dist/cli/main.js", import.meta.url)
  if (!existsSync(main)) await build(fileURLToPath(new URL("..", import.meta.url)))
  process.exitCode = await (await import(main.href)).main(process.argv.slice(2))
}

/** Makes dist/ in a fresh clone; the published package brings it along. */
async function build(root) {
  const { existsSync } = await import("node:fs")
  const { spawnSync } = await import("node:child_process")
  const { join } = await import("node:path")
  const tsdown = join(root, "node_modules", "tsdown", "dist", "run.mjs")
  if (!existsSync(tsdown)) {
    console.error(`convnext: dist/ is missing and cannot be built; run \`npm install\` in ${root} and try again`)
    process.exit(1)
  }
  console.error("convnext: building dist/, once")
  const { status } = spawnSync(process.execPath, [tsdown], { cwd: root, stdio: ["ignore", 2, 2] })
  if (status !== 0) {
    console.error(`convnext: the build failed; see above, or run \`npm run build\` in ${root}`)
    process.exit(1)
  }
}
