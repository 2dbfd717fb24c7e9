/** `npm run bench [-- NAME... --filter TEXT --out FOLDER]`: runs benchmarks, prints Markdown tables, and can write files. */

import { mkdirSync, writeFileSync } from "node:fs"
import { availableParallelism, cpus } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import type { Benchmark } from "./benchmark.ts"
import { ceiling } from "./ceiling.ts"
import { graph } from "./graph.ts"
import { load } from "./load.ts"
import { mainJob } from "./main-job.ts"
import { memory } from "./memory.ts"
import { fineTuningPeers, inferencePeers, trainingPeers } from "./peers.ts"
import { type BenchmarkResult, renderResults } from "./results-page.ts"
import { scaling } from "./scaling.ts"
import { shell } from "./shell.ts"
import { trainingStep } from "./training-step.ts"
import { workNotDone } from "./work-not-done.ts"

const benchmarks: readonly Benchmark[] = [
  ceiling,
  mainJob,
  load,
  trainingStep,
  memory,
  workNotDone,
  graph,
  trainingPeers,
  fineTuningPeers,
  inferencePeers,
  scaling,
  shell,
]

const { values, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: { filter: { type: "string" }, out: { type: "string" } },
})
const unknown = wanted.filter((name) => !benchmarks.some((benchmark) => benchmark.name === name))
if (unknown.length > 0) {
  console.error(
    `there is no benchmark ${unknown.join(", ")}; there are ${benchmarks.map(({ name }) => name).join(", ")}`,
  )
  process.exit(2)
}
const machine = `${cpus()[0]?.model.trim()}, ${availableParallelism()} cores, Node ${process.versions.node}`
console.log(machine)
const results: BenchmarkResult[] = []
for (const { name, title, run } of benchmarks) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  console.log(`\n## ${title} (\`${name}\`)\n`)
  const rows = await run(values.filter)
  console.log("| what | result | goal |\n|---|---|---|")
  for (const { what, result, goal = "" } of rows) console.log(`| ${what} | ${result} | ${goal} |`)
  results.push({ name, title, rows })
}
if (values.out !== undefined) {
  const study = {
    date: new Date().toISOString(),
    machine,
    command: `npm run bench -- ${process.argv.slice(2).join(" ")}`,
  }
  mkdirSync(values.out, { recursive: true })
  writeFileSync(join(values.out, "results.json"), `${JSON.stringify({ ...study, results }, null, 2)}\n`)
  writeFileSync(join(values.out, "results.html"), renderResults(study, results))
}
