import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { InputError } from "../../tensor/errors.ts"
import { crc32c, openEvents } from "./tensorboard.ts"

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "convnext-events-"))
})
afterAll(() => rm(folder, { recursive: true }))

type Field = number | bigint | Buffer

/** The fields of a protobuf message as (number, value), decoded here without the library that wrote them. */
function decodeMessage(bytes: Buffer): [number, Field][] {
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
async function readRecords(path: string): Promise<Buffer[]> {
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
function scalarsOf(event: Buffer): [bigint, string, number][] {
  const fields = new Map(decodeMessage(event))
  if (!fields.has(5)) return []
  return decodeMessage(fields.get(5) as Buffer).map(([, value]) => {
    const scalar = new Map(decodeMessage(value as Buffer))
    return [fields.get(2) as bigint, String(scalar.get(1)), scalar.get(2) as number]
  })
}

test("crc32c has the check values of RFC 3720", () => {
  expect(crc32c(Buffer.from("123456789"))).toBe(0xe3069283)
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa)
  expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43)
})

test("scalars are read back with their step, tag and value", async () => {
  const before = Date.now() / 1000
  const writer = openEvents(folder)
  writer.add(1, { "loss/train": 0.5, "lr/ü": 1e-45 })
  writer.add(2 ** 40, { "loss/train": Number.NaN, huge: 1e300 })
  writer.close()

  expect(basename(writer.path)).toMatch(/^events\.out\.tfevents\.\d{10}\..+\.\d+$/)
  const records = await readRecords(writer.path)
  const version = new Map(decodeMessage(records[0]!))
  expect(String(version.get(3))).toBe("brain.Event:2")
  expect(version.get(1)).toBeGreaterThanOrEqual(before)
  expect(version.get(1)).toBeLessThanOrEqual(Date.now() / 1000)
  expect(records.flatMap(scalarsOf)).toEqual([
    [1n, "loss/train", 0.5],
    [1n, "lr/ü", Math.fround(1e-45)],
    [2n ** 40n, "loss/train", Number.NaN],
    [2n ** 40n, "huge", Number.POSITIVE_INFINITY],
  ])
})

test("what was flushed is on the disk while the file stays open", async () => {
  const writer = openEvents(await mkdtemp(join(folder, "flush-")))
  writer.add(1, { a: 1 })
  expect(await readRecords(writer.path)).toHaveLength(1)
  writer.flush()
  expect(await readRecords(writer.path)).toHaveLength(2)
  writer.close()
})

test("a resumed run tells from which step on earlier files are void", async () => {
  const writer = openEvents(await mkdtemp(join(folder, "resume-")), 230)
  writer.close()
  const records = await readRecords(writer.path)
  const start = new Map(decodeMessage(records[1]!))
  expect(start.get(2)).toBe(230n)
  expect(decodeMessage(start.get(7) as Buffer)).toEqual([[1, 1n]])
})

test("a folder that does not exist is an InputError", () => {
  expect(() => openEvents(join(folder, "none"))).toThrow(InputError)
})
