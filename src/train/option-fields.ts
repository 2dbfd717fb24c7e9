/**
 * Options as data. One zod schema gives the TypeScript types, the command-line flags, the keys of config files and the
 * help; this file reads a schema's fields and words its errors.
 */

import { z } from "zod"
import { suggestion, UsageError } from "../tensor/errors.ts"

/** One option, read from its schema. */
export interface OptionField {
  /** In camelCase, as in TypeScript. */
  name: string
  kind: "boolean" | "integer" | "number" | "text" | "texts"
  description: string
  /** What stands for the value in help, for example `FOLDER`. */
  placeholder: string
  required: boolean
  default?: string | number | boolean
  choices?: readonly string[]
  /** Bounds of a number; `above` and `below` are exclusive. */
  from?: number
  above?: number
  to?: number
  below?: number
  /** What a config file or a program may give instead: a flag takes the first form alone. */
  otherForms?: OptionField[]
}

/** The part of JSON Schema that option schemas use. */
interface JsonField {
  type: "boolean" | "integer" | "number" | "string" | "array"
  description?: string
  placeholder?: string
  default?: string | number | boolean
  enum?: string[]
  minimum?: number
  exclusiveMinimum?: number
  maximum?: number
  exclusiveMaximum?: number
  anyOf?: JsonField[]
}

const kinds = { boolean: "boolean", integer: "integer", number: "number", string: "text", array: "texts" } as const

/** The fields of an option schema by name, in the order in which they are declared. */
export function optionFields(schema: z.ZodObject): Record<string, OptionField> {
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: "input" })
  return Object.fromEntries(
    Object.entries(properties).map(([name, property]) => {
      return [name, toField(name, property as JsonField, required.includes(name))]
    }),
  )
}

function toField(name: string, given: JsonField, required: boolean): OptionField {
  const [first, ...others] = given.anyOf ?? [given]
  const json = { ...first!, ...given, type: first!.type }
  const kind = kinds[json.type]
  const bounds = {
    from: realBound(json.minimum),
    above: json.exclusiveMinimum,
    to: realBound(json.maximum),
    below: json.exclusiveMaximum,
  }
  const placeholder = json.enum?.join("|") ?? json.placeholder ?? (kind === "integer" ? "N" : "NUMBER")
  const otherForms = others.length === 0 ? undefined : others.map((form) => toField(name, form, required))
  const optional = { ...bounds, choices: json.enum, default: json.default, otherForms }
  const present = Object.entries(optional).filter(([, value]) => value !== undefined)
  return { name, kind, description: json.description ?? "", placeholder, required, ...Object.fromEntries(present) }
}

/** zod bounds every integer by the safe integers; nobody needs to read that. */
function realBound(bound: number | undefined): number | undefined {
  return bound !== undefined && Math.abs(bound) === Number.MAX_SAFE_INTEGER ? undefined : bound
}

/** The bounds in words, for example "from 0 to 1" or "above 0"; empty if there are none. */
export function describeBounds({ from, above, to, below }: OptionField): string {
  if (from !== undefined && to !== undefined) return `from ${from} to ${to}`
  const low = from !== undefined ? `at least ${from}` : above !== undefined ? `above ${above}` : undefined
  const high = to !== undefined ? `at most ${to}` : below !== undefined ? `below ${below}` : undefined
  return [low, high].filter((bound) => bound !== undefined).join(" and ")
}

const nouns = { boolean: "true or false", integer: "a whole number", number: "a number", text: "text", texts: "a list" }

/** What an option takes, in words, for example "a whole number of at least 1" or "one of auto, cpu". */
export function describeValue(field: OptionField): string {
  const forms = [field, ...(field.otherForms ?? [])].map(describeForm)
  const last = forms.pop()!
  return forms.length === 0 ? last : `${forms.join(", ")} or ${last}`
}

function describeForm(field: OptionField): string {
  if (field.choices) return `one of ${field.choices.join(", ")}`
  const bounds = describeBounds(field)
  const link = bounds === "" ? "" : bounds.startsWith("at ") ? " of " : " "
  return `${nouns[field.kind]}${link}${bounds}`
}

/** `batchSize` -> `batch-size`. */
export function toKebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** `batch-size` -> `batchSize`. */
export function toCamel(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

/**
 * `values` checked and completed with defaults.
 * @param label how the person knows an option: `batchSize` in code, `--batch-size` on the command line.
 * @throws UsageError that names the option, what it takes and what it got.
 */
export function checkOptions<S extends z.ZodObject>(
  schema: S,
  values: Readonly<Record<string, unknown>>,
  label: (name: string) => string = (name) => name,
): z.output<S> {
  const fields = optionFields(schema)
  const unknown = Object.keys(values).find((name) => !Object.hasOwn(fields, name))
  if (unknown !== undefined) {
    throw new UsageError(`unknown option ${label(unknown)}${suggestion(unknown, Object.keys(fields))}`)
  }
  const result = schema.safeParse(values)
  if (result.success) return result.data
  const issue = result.error.issues[0]!
  const name = String(issue.path[0] ?? "")
  const field = fields[name]
  if (field === undefined || issue.code === "custom") throw new UsageError(issue.message)
  const value = values[name]
  if (value === undefined) throw new UsageError(`${label(name)} is missing: ${lowerFirst(field.description)}`)
  throw new UsageError(
    `${label(name)} must be ${describeValue(field)}, got ${show(value)}${nearestChoice(value, field)}`,
  )
}

function show(value: unknown): string {
  if (typeof value === "string") return `"${value}"`
  return typeof value === "object" ? JSON.stringify(value) : String(value)
}

/** The choice that was meant. Slips seldom change the first letter, and choices are short: "tpu" does not mean "cpu". */
function nearestChoice(value: unknown, { choices = [] }: OptionField): string {
  if (typeof value !== "string") return ""
  const first = value.charAt(0).toLowerCase()
  return suggestion(
    value,
    choices.filter((choice) => choice.startsWith(first)),
  )
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}
