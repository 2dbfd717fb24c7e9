/** Options from a YAML file, under the names of the flags or in camelCase. */

import { readFile } from "node:fs/promises"
import { InputError, suggestion, UsageError } from "../tensor/errors.ts"
import { type OptionField, toCamel, toKebab } from "../train/option-fields.ts"

/**
 * The options in file `path`, by name in camelCase. A key without a value counts as not given.
 * @throws InputError if the file cannot be read or is not a YAML map of options, or is of a run whose model
 * no options can make.
 * @throws UsageError for a key that is no option, with the nearest one.
 */
export async function readConfig(
  path: string,
  fields: Readonly<Record<string, OptionField>>,
): Promise<Record<string, unknown>> {
  const { parse, YAMLParseError } = await import("yaml")
  const { isModelGiven } = await import("../run/config.ts")
  let content: unknown
  try {
    const text = await readFile(path, "utf8")
    if (isModelGiven(text)) {
      throw new InputError(
        `${path} is of a run whose model was given by a program: options cannot make it. Run that program again, or go on with the run by --resume`,
      )
    }
    content = parse(text)
  } catch (error) {
    if (error instanceof YAMLParseError) throw new InputError(`${path} is not YAML: ${error.message.split("\n")[0]}`)
    if ((error as NodeJS.ErrnoException).code === "EISDIR") throw new InputError(`${path} is a folder, not a YAML file`)
    throw error
  }
  if (content === null) return {}
  if (typeof content !== "object" || Array.isArray(content)) {
    throw new InputError(`${path} must hold options, one "name: value" a line`)
  }
  const options: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(content)) {
    const name = toCamel(key)
    if (!Object.hasOwn(fields, name)) {
      throw new UsageError(
        `unknown option ${key} in ${path}${suggestion(toKebab(name), Object.keys(fields).map(toKebab))}`,
      )
    }
    if (value !== null) options[name] = value
  }
  return options
}
