import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { decodeMessage, readRecords, scalarsOf } from "../../../test/support/event-file.ts"
import { InputError } from "../../tensor/errors.ts"
import { crc32c, openEvents } from "./tensorboard.ts"

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "convnext-events-"))
})
afterAll(() => rm(folder, { recursive: true }))

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
