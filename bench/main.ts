/** `npm run bench [-- NAME...]`: runs benchmarks and prints their results as Markdown tables. */

import { availableParallelism, cpus } from "node:os"
import type { Benchmark } from "./benchmark.ts"
import { graph } from "./graph.ts"
import { mainJob } from "./main-job.ts"
import { memory } from "./memory.ts"
import { trainingStep } from "./training-step.ts"
import { workNotDone } from "./work-not-done.ts"

const benchmarks: readonly Benchmark[] = [mainJob, trainingStep, memory, workNotDone, graph]

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !benchmarks.some((benchmark) => benchmark.name === name))
if (unknown.length > 0) {
  console.error(
    `there is no benchmark ${unknown.join(", ")}; there are ${benchmarks.map(({ name }) => name).join(", ")}`,
  )
  process.exit(2)
}
console.log(`${cpus()[0]?.model.trim()}, ${availableParallelism()} cores, Node ${process.versions.node}`)
for (const { name, title, run } of benchmarks) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  console.log(`\n## ${title} (\`${name}\`)\n`)
  const rows = await run()
  console.log("| what | result | goal |\n|---|---|---|")
  for (const { what, result, goal = "" } of rows) console.log(`| ${what} | ${result} | ${goal} |`)
}
