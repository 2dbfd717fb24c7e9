/** The `convnext` program: finds the command, runs it, turns errors into one line and an exit code. */

import { packageVersion } from "../run/version.ts"
import { suggestion, UsageError } from "../tensor/errors.ts"
import { commands } from "./commands/index.ts"
import { describeFailure } from "./failure.ts"

/** Runs the program with its arguments. Gives the exit code: 0, 1 (failed) or 2 (wrong call). Never throws. */
export async function main(argv: readonly string[]): Promise<number> {
  const debug = argv.includes("--debug")
  allowPipesToClose()
  process.on("uncaughtException", (error) => process.exit(report(error, debug)))
  try {
    return await dispatch(argv)
  } catch (error) {
    return report(error, debug)
  }
}

async function dispatch([first, ...rest]: readonly string[]): Promise<number> {
  if (first === undefined || first === "--help" || first === "-h" || (first === "help" && rest.length === 0)) {
    console.log(mainHelp())
    return 0
  }
  if (first === "--version" || first === "-v") {
    console.log(packageVersion())
    return 0
  }
  const [name, argv] = first === "help" ? [rest[0]!, ["--help"]] : [first, rest]
  const entry = commands.find((command) => command.name === name)
  if (!entry) {
    const kind = name.startsWith("-") ? "option" : "command"
    const known = kind === "option" ? ["--help", "--version"] : commands.map((command) => command.name)
    throw new UsageError(`unknown ${kind} ${name}${suggestion(name, known) || "; see convnext --help"}`)
  }
  const { runCommand } = await import("./run-command.ts")
  return runCommand(entry, argv)
}

function mainHelp(): string {
  const width = Math.max(...commands.map(({ name }) => name.length)) + 2
  return [
    `convnext ${packageVersion()}: train, evaluate, export and use modern ConvNets, with no Python`,
    "",
    "Commands",
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}${summary}`),
    "",
    "Every command has --help with its options and examples, --json for machines and --config for a YAML file.",
    "",
    "Examples",
    "  convnext train pets/                      # one subfolder of images per class",
    "  convnext predict runs/pets photo.jpg",
    "  convnext eval runs/pets pets/val --json",
  ].join("\n")
}

/** Writes the error to stderr and gives the exit code. */
function report(error: unknown, debug: boolean): number {
  const { exitCode, message } = describeFailure(error)
  console.error(`convnext: ${message}`)
  if (debug) console.error(error)
  return exitCode
}

/** A reader that has seen enough (`| head`) is no error. Without a reader of its progress, a run goes on. */
function allowPipesToClose(): void {
  const closed = (onClose: () => void) => (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error
    onClose()
  }
  process.stdout.on(
    "error",
    closed(() => process.exit()),
  )
  process.stderr.on(
    "error",
    closed(() => {}),
  )
}
