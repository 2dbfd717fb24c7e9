/** `npm run bench [-- NAME... --filter TEXT --out FOLDER]`: runs benchmarks, prints Markdown tables, and can write files. */

import { mkdirSync, writeFileSync } from "node:fs"
import { availableParallelism, cpus } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { type Benchmark, describeVersions } from "./benchmark.ts"
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

const usage = `npm run bench [-- NAME... --filter TEXT --out FOLDER]; there are ${benchmarks.map(({ name }) => name).join(", ")}`

/** What the command line asks for. Ends the process where it cannot be understood. */
function readArguments() {
  const fail = (message: string): never => {
    console.error(`${message}\n${usage}`)
    process.exit(2)
  }
  try {
    const { values, positionals: wanted } = parseArgs({
      allowPositionals: true,
      options: { filter: { type: "string" }, out: { type: "string" }, help: { type: "boolean" } },
    })
    if (values.help) {
      console.log(usage)
      process.exit(0)
    }
    const unknown = wanted.filter((name) => !benchmarks.some((benchmark) => benchmark.name === name))
    if (unknown.length > 0) fail(`there is no benchmark ${unknown.join(", ")}`)
    if (values.out !== undefined) mkdirSync(values.out, { recursive: true })
    return { filter: values.filter, out: values.out, wanted }
  } catch (error) {
    return fail((error as Error).message)
  }
}

const { filter, out, wanted } = readArguments()
const machine = `${cpus()[0]?.model.trim()}, ${availableParallelism()} cores, Node ${process.versions.node}`
console.log(machine)
const quoted = process.argv
  .slice(2)
  .map((argument) => (/^[\w./=-]+$/.test(argument) ? argument : JSON.stringify(argument)))
const study = { date: new Date().toISOString(), machine, command: `npm run bench -- ${quoted.join(" ")}` }
const results: BenchmarkResult[] = []
for (const { name, title, run } of benchmarks) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  console.log(`\n## ${title} (\`${name}\`)\n`)
  const rows = await run(filter)
  if (rows.length === 0) console.log(`no case of it has "${filter}" in its name`)
  else console.log("| what | result | goal |\n|---|---|---|")
  for (const { what, result, goal = "" } of rows) console.log(`| ${what} | ${result} | ${goal} |`)
  const versions = describeVersions(rows)
  if (versions !== "") console.log(`\n${versions}`)
  results.push({ name, title, rows })
  // After each, so that one that fails takes nothing of the others along.
  if (out === undefined) continue
  writeFileSync(join(out, "results.json"), `${JSON.stringify({ ...study, results }, null, 2)}\n`)
  writeFileSync(join(out, "results.html"), renderResults(study, results))
}
if (results.every(({ rows }) => rows.length === 0)) process.exitCode = 2
