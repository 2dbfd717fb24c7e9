/** Reads TensorBoard's event files, without the code that writes them. */

import { readdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import { expect } from "vitest"
import { crc32c } from "../../src/train/node/tensorboard.ts"

type Field = number | bigint | Buffer

/** The fields of a protobuf message as (number, value), decoded here without the library that wrote them. */
export function decodeMessage(bytes: Buffer): [number, Field][] {
  const fields: [number, Field][] = []
  let at = 0
  const varint = () => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++]!
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
  }
  while (at < bytes.length) {
    const key = Number(varint())
    const wireType = key & 7
    const length = [0, 8, Number(wireType === 2 && varint()), 0, 0, 4][wireType]!
    const part = bytes.subarray(at, at + length)
    const value = [varint, () => part.readDoubleLE(), () => part, null, null, () => part.readFloatLE()][wireType]!()
    at += length
    fields.push([key >> 3, value])
  }
  return fields
}

/** The payloads of an event file; both checksums of each record are verified. */
export async function readRecords(path: string): Promise<Buffer[]> {
  const bytes = await readFile(path)
  const records: Buffer[] = []
  const unmask = (masked: number) => {
    const rotated = (masked - 0xa282ead8) >>> 0
    return ((rotated >>> 17) | (rotated << 15)) >>> 0
  }
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at))
    const payload = bytes.subarray(at + 12, at + 12 + length)
    expect(unmask(bytes.readUInt32LE(at + 8))).toBe(crc32c(bytes.subarray(at, at + 8)))
    expect(unmask(bytes.readUInt32LE(at + 12 + length))).toBe(crc32c(payload))
    records.push(payload)
    at += 16 + length
  }
  return records
}

/** The scalars of an event as [step, tag, value]. */
export function scalarsOf(event: Buffer): [bigint, string, number][] {
  const fields = new Map(decodeMessage(event))
  if (!fields.has(5)) return []
  return decodeMessage(fields.get(5) as Buffer).map(([, value]) => {
    const scalar = new Map(decodeMessage(value as Buffer))
    return [fields.get(2) as bigint, String(scalar.get(1)), scalar.get(2) as number]
  })
}

/**
 * What TensorBoard shows of a folder: [step, value] of a scalar over all event files in the order of their names. A
 * start of a session at a step drops what was read of that step and later ones (EventAccumulator, `_Purge`).
 */
export async function shownScalars(folder: string, tag: string): Promise<[step: number, value: number][]> {
  const files = (await readdir(folder)).filter((name) => name.startsWith("events.out.tfevents.")).sort()
  let shown: [number, number][] = []
  for (const file of files) {
    for (const record of await readRecords(join(folder, file))) {
      const fields = new Map(decodeMessage(record))
      if (fields.has(7)) shown = shown.filter(([step]) => step < Number(fields.get(2)))
      for (const [step, name, value] of scalarsOf(record)) if (name === tag) shown.push([Number(step), value])
    }
  }
  return shown
}
