/** JSON files of a study, checked by a schema. */

import { readFile } from "node:fs/promises"
import type { z } from "zod"
import { InputError } from "../../tensor/errors.ts"

/**
 * Reads a JSON file.
 * @param remedy what to do if it is damaged: the end of the message
 * Throws an InputError if it cannot be read, is no JSON, or not what the schema says.
 */
export async function readRecord<T>(path: string, schema: z.ZodType<T>, remedy: string): Promise<T> {
  const text = await readFile(path, "utf8").catch((cause: Error) => {
    throw new InputError(`cannot read ${path}: ${cause.message}`, { cause })
  })
  const damaged = (reason: string) => new InputError(`${path} is damaged: ${reason}: ${remedy}`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw damaged((error as Error).message.split("\n")[0]!)
  }
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const { path: keys, message } = parsed.error.issues[0]!
  throw damaged([keys.join("."), message].filter(Boolean).join(": "))
}
