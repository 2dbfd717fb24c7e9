/** Help texts, made from the descriptions of the commands. */

import { describeBounds, type OptionField, optionFields, toKebab } from "../train/option-fields.ts"
import { usageOf } from "./arguments.ts"
import type { Command, CommandEntry } from "./command.ts"
import { globalOptions } from "./global-options.ts"

/** Help of one command: usage, arguments, options with ranges and defaults, examples. `width` is in characters. */
export function commandHelp({ name, summary }: CommandEntry, command: Command, width: number): string {
  const fields = optionFields(command.options)
  const { positionals, details, examples } = command
  const options = Object.values(fields).filter((field) => !positionals.includes(field.name))
  const places = positionals.map((positional) => fields[positional]!)
  return [
    `${summary}.`,
    ...(details ? [wrap(details, width).join("\n")] : []),
    `Usage: convnext ${usageOf({ command: name, fields, positionals })} [options]`,
    section(
      "Arguments",
      places.map((field) => [field.placeholder, describe(field)]),
      width,
    ),
    section(
      "Options",
      options.map((field) => [flagOf(field), describe(field)]),
      width,
    ),
    section(
      "General",
      Object.values(optionFields(globalOptions)).map((field) => [flagOf(field), describe(field)]),
      width,
    ),
    ["Examples", ...examples.map(([line, purpose]) => `  # ${purpose}\n  ${line}`)].join("\n"),
  ]
    .filter((part) => part !== "")
    .join("\n\n")
}

function flagOf({ name, kind, placeholder }: OptionField): string {
  return `--${toKebab(name)}${kind === "boolean" ? "" : ` ${placeholder}`}`
}

function describe(field: OptionField): string {
  const notes = [describeBounds(field)]
  if (field.default !== undefined && field.default !== false) notes.push(`default ${field.default}`)
  const present = notes.filter((note) => note !== "")
  return present.length === 0 ? field.description : `${field.description} (${present.join("; ")})`
}

/** A heading and rows of a term with its explanation, which is wrapped in its column. */
function section(heading: string, rows: [term: string, text: string][], width: number): string {
  if (rows.length === 0) return ""
  const column = Math.min(28, Math.max(...rows.map(([term]) => term.length)) + 4)
  const indent = " ".repeat(column)
  const lines = rows.flatMap(([term, text]) => {
    const wrapped = wrap(text, width - column)
    // A term that is too long for its column has a line of its own.
    const first = term.length + 4 > column ? [`  ${term}`] : [`  ${term}`.padEnd(column) + wrapped.shift()]
    return [...first, ...wrapped.map((line) => indent + line)]
  })
  return [heading, ...lines].join("\n")
}

/** Breaks text into lines of at most `width` characters, between words. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ""
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else {
      line = line === "" ? word : `${line} ${word}`
    }
  }
  return [...lines, line]
}
