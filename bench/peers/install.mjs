/** `npm run bench:peers`: installs what the benchmarks compare with, in a virtual environment beside this file. */

import { execFileSync } from "node:child_process"
import { fileURLToPath } from "node:url"

const here = (name) => fileURLToPath(new URL(name, import.meta.url))
const run = (program, args) => execFileSync(program, args, { stdio: "inherit" })

const python = process.env.PYTHON ?? "python3"
try {
  run(python, ["-m", "venv", here(".venv")])
  run(here(".venv/bin/python"), ["-m", "pip", "install", "--quiet", "--requirement", here("requirements.txt")])
} catch (error) {
  console.error(
    `the peers could not be installed (${error.message}); they need Python 3.10 or later with venv, on Linux or macOS`,
  )
  process.exit(1)
}
console.log("installed; `npm run bench -- train-peers tune-peers infer-peers` compares with them")
