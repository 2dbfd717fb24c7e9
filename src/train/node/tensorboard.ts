/**
 * TensorBoard event files. A file is a list of records, each `length (uint64), masked crc of the length, payload,
 * masked crc of the payload`, little-endian (tensorflow/core/lib/io/record_writer.h); a payload is an `Event` message
 * (tensorflow/core/util/event.proto). Only scalars are written.
 */
import { closeSync, fsyncSync, openSync, writeSync } from "node:fs"
import { hostname } from "node:os"
import { join } from "node:path"
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire"
import { InputError } from "../../tensor/errors.ts"

/** An open event file. */
export interface EventWriter {
  readonly path: string
  /** Adds one scalar per entry, such as `{ "loss/train": 0.31 }`, at an optimizer step. */
  add(step: number, scalars: Record<string, number>): void
  /** Hands what was added to the disk. Throws an InputError if it cannot be written. */
  flush(): void
  /** Flushes and closes. */
  close(): void
}

/**
 * Creates `events.out.tfevents.SECONDS.HOST.PID` in `folder`.
 * @param resumeStep for a run that goes on: TensorBoard then drops what earlier files say of this step and later ones.
 * Throws an InputError if the file cannot be written.
 */
export function openEvents(folder: string, resumeStep?: number): EventWriter {
  const seconds = Math.floor(Date.now() / 1000)
  const path = join(folder, `events.out.tfevents.${seconds}.${hostname()}.${process.pid}`)
  const orFail = <T>(work: () => T): T => {
    try {
      return work()
    } catch (cause) {
      throw new InputError(`cannot write ${path}: ${(cause as Error).message}`, { cause })
    }
  }
  const file = orFail(() => openSync(path, "a"))
  let pending = [frameRecord(versionEvent())]
  if (resumeStep !== undefined) pending.push(frameRecord(sessionStartEvent(resumeStep)))

  const writer: EventWriter = {
    path,
    add(step, scalars) {
      pending.push(frameRecord(scalarEvent(step, scalars)))
    },
    flush() {
      const bytes = Buffer.concat(pending)
      pending = []
      orFail(() => {
        let done = 0
        while (done < bytes.length) done += writeSync(file, bytes, done)
        fsyncSync(file)
      })
    },
    close() {
      writer.flush()
      closeSync(file)
    },
  }
  writer.flush()
  return writer
}

/** Event { wall_time = 1 (double), step = 2 (int64), ... } with the time of now. */
function startEvent(step: number): BinaryWriter {
  return new BinaryWriter()
    .tag(1, WireType.Bit64)
    .double(Date.now() / 1000)
    .tag(2, WireType.Varint)
    .int64(step)
}

/** Event.file_version = 3, the first record of every file. */
function versionEvent(): Uint8Array {
  return startEvent(0).tag(3, WireType.LengthDelimited).string("brain.Event:2").finish()
}

/** Event.session_log = 7, SessionLog.status = 1 with START = 1. */
function sessionStartEvent(step: number): Uint8Array {
  return startEvent(step).tag(7, WireType.LengthDelimited).fork().tag(1, WireType.Varint).int32(1).join().finish()
}

/** Event.summary = 5, Summary.value = 1, Value { tag = 1 (string), simple_value = 2 (float) }. */
function scalarEvent(step: number, scalars: Record<string, number>): Uint8Array {
  const event = startEvent(step).tag(5, WireType.LengthDelimited).fork()
  for (const [tag, value] of Object.entries(scalars)) {
    event.tag(1, WireType.LengthDelimited).fork()
    event.tag(1, WireType.LengthDelimited).string(tag)
    event.tag(2, WireType.Bit32).float(Math.fround(value))
    event.join()
  }
  return event.join().finish()
}

function frameRecord(payload: Uint8Array): Buffer {
  const record = Buffer.alloc(12 + payload.length + 4)
  record.writeBigUInt64LE(BigInt(payload.length), 0)
  record.writeUInt32LE(maskedCrc32c(record.subarray(0, 8)), 8)
  record.set(payload, 12)
  record.writeUInt32LE(maskedCrc32c(payload), 12 + payload.length)
  return record
}

/** Reflected polynomial of CRC-32C (Castagnoli), one step for each value of a byte. */
const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0)
  return crc
})

/** CRC-32C (RFC 3720, appendix B.4). */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) crc = (crc >>> 8) ^ crcTable[(crc ^ byte) & 0xff]!
  return (crc ^ 0xffffffff) >>> 0
}

/** The masking of tensorflow/core/lib/hash/crc32c.h: rotated right by 15 bits, plus a constant. */
function maskedCrc32c(bytes: Uint8Array): number {
  const crc = crc32c(bytes)
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}
