/** What a command is. The argument parser, config files and help all read this one description. */

import type { z } from "zod"

export interface CommandResult {
  /** What `--json` prints. */
  json: unknown
  /** What people read on stdout. */
  text: () => string
  /** Exit code, where the command did its work but not all is well. Default 0. */
  exitCode?: number
}

/** What a command knows of how it was called. */
export interface CommandContext<Given> {
  /** The options that the person gave, by flag or config file, without defaults. */
  given: Given
  /** Writes a line to stderr. */
  note(line: string): void
}

/** A command as the list of commands shows it. */
export interface CommandEntry {
  name: string
  summary: string
  load(): Promise<Command>
}

export interface Command<S extends z.ZodObject = z.ZodObject> {
  /** What the person should know and the options do not say. */
  details?: string
  options: S
  /** Options that are given by position; the last one may take several values. */
  positionals: readonly (string & keyof z.output<S>)[]
  examples: readonly (readonly [command: string, purpose: string])[]
  run(options: z.output<S>, context: CommandContext<z.input<S>>): Promise<CommandResult>
}

/** Gives the command's options their types. */
export function defineCommand<S extends z.ZodObject>(command: Command<S>): Command<S> {
  return command
}
