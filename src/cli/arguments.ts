/** From a command line to values, without a look at whether the values are right: that is `checkOptions`' work. */

import { suggestion, UsageError } from "../tensor/errors.ts"
import { describeValue, type OptionField, toCamel, toKebab } from "../train/option-fields.ts"

export interface ArgumentRules {
  /** Name of the command, for messages. */
  command: string
  /** All options, by name in camelCase. */
  fields: Readonly<Record<string, OptionField>>
  /** Names of the fields that are given by position, in order. */
  positionals: readonly string[]
}

/** `eval RUN DATA`: the command with what it takes by position; what may be left out stands in brackets. */
export function usageOf({ command, fields, positionals }: ArgumentRules): string {
  const words = positionals.map((name) => {
    const { placeholder, kind, required } = fields[name]!
    const word = kind === "texts" ? `${placeholder}...` : placeholder
    return required ? word : `[${word}]`
  })
  return [command, ...words].join(" ")
}

/**
 * Reads flags (`--lr 0.1`, `--lr=0.1`, `--flip`, `--no-flip`, `-h`) and positional arguments; `--` ends the flags.
 * Numbers and booleans are converted; what is none stays text, for the check to reject with its range.
 * @throws UsageError for an unknown flag (with the nearest one), a flag without its value, an argument too many.
 */
export function parseArguments(argv: readonly string[], rules: ArgumentRules): Record<string, unknown> {
  const values: Record<string, unknown> = {}
  const positional: string[] = []
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i]!
    if (argument === "--") {
      positional.push(...argv.slice(i + 1))
      break
    }
    if (argument === "-h") {
      values.help = true
    } else if (argument.startsWith("-") && argument !== "-") {
      const flag = readFlag(argument, rules)
      if (flag.value === undefined) {
        flag.value = argv[++i]
        if (flag.value === undefined || flag.value.startsWith("--")) {
          const { name, kind, placeholder } = flag.field
          const value = kind === "text" ? placeholder : describeValue(flag.field)
          throw new UsageError(`--${toKebab(name)} needs a value: ${value}`)
        }
      }
      values[flag.field.name] = convert(flag.value, flag.field)
    } else {
      positional.push(argument)
    }
  }
  return { ...values, ...assignPositionals(positional, rules) }
}

/** The option that `argument` names, and its value unless that is the next argument. */
function readFlag(argument: string, rules: ArgumentRules): { field: OptionField; value: string | undefined } {
  const [, dashes, name, inline] = /^(--?)([^=]*)(?:=(.*))?$/s.exec(argument)!
  const field = dashes === "--" ? findField(rules, name!) : undefined
  if (field) return { field, value: inline ?? (field.kind === "boolean" ? "true" : undefined) }
  const negated = name!.startsWith("no-") ? findField(rules, name!.slice(3)) : undefined
  if (negated?.kind === "boolean" && inline === undefined) return { field: negated, value: "false" }
  const known = Object.keys(rules.fields).map((option) => `--${toKebab(option)}`)
  throw new UsageError(
    `unknown option ${dashes}${name}${suggestion(`--${name}`, known) || `; see convnext ${rules.command} --help`}`,
  )
}

function findField({ fields }: ArgumentRules, kebab: string): OptionField | undefined {
  const name = toCamel(kebab)
  return Object.hasOwn(fields, name) ? fields[name] : undefined
}

function convert(text: string, { kind }: OptionField): unknown {
  if (kind === "boolean" && (text === "true" || text === "false")) return text === "true"
  if (kind === "texts") return [text]
  if ((kind === "number" || kind === "integer") && text.trim() !== "") {
    const number = Number(text)
    return Number.isNaN(number) ? text : number
  }
  return text
}

function assignPositionals(words: string[], rules: ArgumentRules): Record<string, unknown> {
  const values: Record<string, unknown> = {}
  const rest = [...words]
  for (const name of rules.positionals) {
    if (rest.length === 0) break
    values[name] = rules.fields[name]!.kind === "texts" ? rest.splice(0) : rest.shift()
  }
  if (rest.length > 0) {
    throw new UsageError(`unexpected argument "${rest[0]}"; the usage is: convnext ${usageOf(rules)}`)
  }
  return values
}
