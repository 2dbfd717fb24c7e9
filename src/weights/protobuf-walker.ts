/**
 * Steps through the fields of protobuf messages in a file without reading what they hold.
 * https://protobuf.dev/programming-guides/encoding.
 */
import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf"
import { type ByteSource, readBytes } from "./byte-source.ts"
import { unreadable } from "./unreadable.ts"

/** A field of a message, by places in the file. */
export interface Field {
  number: number
  /** Wire type: 0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes. */
  wireType: number
  /** Where its tag is. */
  tagStart: number
  /** Where its payload begins, behind the tag and the length. */
  start: number
  /** Where it ends. */
  end: number
}

/** Bytes that are read at once; fields are mostly short. */
const windowSize = 2 ** 16

/** A varint has at most ten bytes. */
const maxVarintSize = 10

export class ProtobufWalker {
  readonly source: ByteSource
  #window: Uint8Array = new Uint8Array(0)
  #windowStart = 0

  constructor(source: ByteSource) {
    this.source = source
  }

  /** The fields of the message from `start` to `end`. Throws an InputError if they do not fill it exactly. */
  async *fields(start: number, end: number): AsyncGenerator<Field> {
    let at = start
    while (at < end) {
      const field = await this.#field(at)
      if (field.end > end) throw this.#damaged(at)
      yield field
      at = field.end
    }
  }

  /** Decodes a message that has only the given fields of one. Throws an InputError if that fails. */
  async decode<T extends DescMessage>(fields: readonly Field[], schema: T): Promise<MessageShape<T>> {
    const size = fields.reduce((sum, { tagStart, end }) => sum + end - tagStart, 0)
    const bytes = new Uint8Array(size)
    let done = 0
    for (const { tagStart, end } of fields) {
      await this.source.read(tagStart, bytes.subarray(done, done + end - tagStart))
      done += end - tagStart
    }
    try {
      return fromBinary(schema, bytes)
    } catch (cause) {
      throw unreadable(this.source.name, `its ${schema.name} is damaged: ${(cause as Error).message}`, cause)
    }
  }

  async #field(tagStart: number): Promise<Field> {
    const tag = await this.#varint(tagStart)
    const number = Math.floor(tag.value / 8)
    const wireType = tag.value % 8
    const field = (start: number, size: number) => ({ number, wireType, tagStart, start, end: start + size })
    if (number === 0) throw this.#damaged(tagStart)
    if (wireType === 0) return field(tag.end, (await this.#varint(tag.end)).end - tag.end)
    if (wireType === 1) return field(tag.end, 8)
    if (wireType === 5) return field(tag.end, 4)
    if (wireType !== 2) throw this.#damaged(tagStart)
    const size = await this.#varint(tag.end)
    return field(size.end, size.value)
  }

  /** Exact up to 2^53, which no length and no tag reaches. */
  async #varint(start: number): Promise<{ value: number; end: number }> {
    const bytes = await this.#peek(start)
    let value = 0
    for (let i = 0; i < Math.min(bytes.length, maxVarintSize); i++) {
      value += (bytes[i]! & 0x7f) * 2 ** (7 * i)
      if (bytes[i]! < 0x80) return { value, end: start + i + 1 }
    }
    throw this.#damaged(start)
  }

  /** At least the ten bytes from `start` on, or those that are left. */
  async #peek(start: number): Promise<Uint8Array> {
    const offset = start - this.#windowStart
    const isThere = offset >= 0 && offset + maxVarintSize <= this.#window.length
    if (isThere) return this.#window.subarray(offset)
    const left = Math.max(this.source.size - start, 0)
    this.#window = await readBytes(this.source, start, Math.min(windowSize, left))
    this.#windowStart = start
    return this.#window
  }

  #damaged(at: number): Error {
    return unreadable(this.source.name, `the file is cut short or damaged: no protobuf field at byte ${at}`)
  }
}
