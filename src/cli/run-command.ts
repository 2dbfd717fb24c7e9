/** Runs one command: its arguments and config file become checked options, its result becomes output. */

import { availableParallelism } from "node:os"
import { checkOptions, optionFields, toKebab } from "../train/option-fields.ts"
import { parseArguments } from "./arguments.ts"
import type { CommandEntry } from "./command.ts"
import { readConfig } from "./config-file.ts"
import { globalOptions } from "./global-options.ts"
import { commandHelp } from "./help.ts"

/**
 * Runs the command with the arguments after its name and gives the exit code.
 * @throws UsageError for wrong arguments, and whatever the command throws.
 */
export async function runCommand(entry: CommandEntry, argv: readonly string[]): Promise<number> {
  const command = await entry.load()
  const fields = optionFields(command.options)
  const globals = optionFields(globalOptions)
  const { positionals } = command
  const rules = { command: entry.name, fields: { ...fields, ...globals }, positionals }
  const values = parseArguments(argv, rules)
  const isGlobal = ([name]: [string, unknown]) => Object.hasOwn(globals, name)
  const flags = Object.fromEntries(Object.entries(values).filter((entry) => !isGlobal(entry)))
  const general = checkOptions(globalOptions, Object.fromEntries(Object.entries(values).filter(isGlobal)), flagName)
  if (general.help) {
    console.log(commandHelp(entry, command, Math.min(process.stdout.columns ?? 100, 100)))
    return 0
  }

  const configured = general.config === undefined ? {} : await readConfig(general.config, fields)
  const given = { ...configured, ...flags }
  const label = (name: string) => {
    if (!Object.hasOwn(flags, name) && Object.hasOwn(configured, name)) return `${toKebab(name)} in ${general.config}`
    return positionals.includes(name) ? fields[name]!.placeholder : flagName(name)
  }
  const options = checkOptions(command.options, given, label)
  const note = (line: string) => console.error(line)
  const cores = availableParallelism()
  if (Number(options.threads) > cores) {
    const here = cores === 1 ? "1 core" : `${cores} cores`
    note(`${label("threads")}: ${options.threads} threads on ${here} will be slower than ${cores}`)
  }
  const result = await command.run(options, { given, note })
  const output = general.json ? JSON.stringify(result.json, null, 2) : result.text()
  if (output !== "") console.log(output)
  return result.exitCode ?? 0
}

function flagName(name: string): string {
  return `--${toKebab(name)}`
}
