/** The command line as people meet it: bin/convnext.js in a process of its own. */

import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"

const program = fileURLToPath(new URL("../../bin/convnext.js", import.meta.url))

/** What a process left behind. */
export interface Outcome {
  /** Exit code; null if a signal ended it. */
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

export interface Running {
  child: ChildProcess
  /** Settles when the process is gone and its output is read. */
  outcome: Promise<Outcome>
  /** Resolves once stderr holds `text`. Rejects if the process ends before it does. */
  said(text: string): Promise<void>
}

/** Starts `convnext ARGS`. */
export function startConvnext(args: readonly string[], { cwd }: { cwd?: string } = {}): Running {
  const child = spawn(process.execPath, [program, ...args], { cwd, stdio: ["ignore", "pipe", "pipe"] })
  let stdout = ""
  let stderr = ""
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text
  })
  const outcome = once(child, "close").then(([code, signal]): Outcome => ({ code, signal, stdout, stderr }))
  return {
    child,
    outcome,
    said: (text) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (stderr.includes(text)) resolve()
        }
        look()
        child.stderr.on("data", look)
        outcome.then(() => reject(new Error(`the process ended before it said "${text}": ${stderr}`)))
      }),
  }
}

/** Runs `convnext ARGS` to its end. */
export function convnext(args: readonly string[], options?: { cwd?: string }): Promise<Outcome> {
  return startConvnext(args, options).outcome
}

/** The same for a command that must succeed and print JSON: what it prints. */
export async function convnextJson<T>(args: readonly string[], options?: { cwd?: string }): Promise<T> {
  const { code, stdout, stderr } = await convnext([...args, "--json"], options)
  if (code !== 0) throw new Error(`convnext ${args.join(" ")} ended with code ${code}: ${stderr}`)
  return JSON.parse(stdout) as T
}

/** Options of a training that takes a second: `--out` and the data are left to add. */
export const quickTraining = ["--image-size", "8", "--batch-size", "8", "--epochs", "2", "--threads", "1"]
