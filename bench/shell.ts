/** Commands from the shell, from the start of the process to its end, beside a script that people would write instead. */

import { existsSync, rmSync } from "node:fs"
import { join } from "node:path"
import type { Benchmark, Row } from "./benchmark.ts"
import { type Command, formatSpread, runJson, timeCommands } from "./measure.ts"
import { bin, loadWorker, peerPython, photo, predictPeer, scratchFolder } from "./paths.ts"

const MODEL = "convnext_tiny"
const RUNS = 10

/** A command, and what is promised of it. */
interface ShellCommand extends Command {
  what: string
  goal?: string
}

export const helpCommand: ShellCommand = {
  what: "convnext --help",
  program: process.execPath,
  args: [bin, "--help"],
  goal: "<= 250 ms",
}

/** @param args what follows `convnext predict` */
export const predictCommand = (args: readonly string[]): ShellCommand => ({
  what: "convnext predict, one image",
  program: process.execPath,
  args: [bin, "predict", ...args],
  goal: "<= 1,200 ms",
})

/** Times commands that take turns: a row for each. */
export async function timeShell(commands: readonly ShellCommand[]): Promise<Row[]> {
  const outcomes = await timeCommands(RUNS, commands)
  return commands.map(({ what, goal }, i) => {
    const outcome = outcomes[i]!
    const result = outcome instanceof Error ? `failed: ${lastWords(outcome)}` : formatSpread(outcome)
    return { what, result, goal }
  })
}

/** What of a program's last words says why it ended: Node's own version follows it, for one. */
function lastWords({ message }: Error): string {
  const lines = message.trim().split("\n")
  return lines.findLast((line) => line.includes("Error")) ?? lines.at(-1)!
}

export const shell: Benchmark = {
  name: "shell",
  title: `Commands from the shell, from start to end; one image of 500 x 375 pixels, ${MODEL} from a local file`,
  async run() {
    const folder = scratchFolder()
    try {
      const weights = join(folder, `${MODEL}.safetensors`)
      await runJson(loadWorker, { model: MODEL, path: weights, write: true })
      const peer: ShellCommand = {
        what: "the same by a Python script with PyTorch and timm, for information",
        program: peerPython,
        args: [predictPeer, MODEL, weights, photo],
      }
      const own = [helpCommand, predictCommand([MODEL, photo, "--weights", weights])]
      if (existsSync(peerPython)) return await timeShell([...own, peer])
      return [...(await timeShell(own)), { what: peer.what, result: `left out: there is no ${peerPython}` }]
    } finally {
      rmSync(folder, { recursive: true })
    }
  },
}
