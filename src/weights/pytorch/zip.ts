/**
 * The directory of a zip archive as `torch.save` writes it: entries are stored, not compressed, so that their bytes can be
 * read in place. PKWARE's APPNOTE.TXT 6.3.10, sections 4.3.7 to 4.3.16; zip64 included. As PyTorch does, the reader does
 * not compare checksums.
 */
import { type ByteSource, readBytes } from "../byte-source.ts"
import { quote, unreadable } from "../unreadable.ts"

/** A file in the archive. */
export interface ZipEntry {
  name: string
  /** Where its local header is; its bytes follow that. */
  headerStart: number
  /** Bytes that it takes in the file. */
  size: number
  /** Why its bytes cannot be read in place. */
  obstacle?: "compressed" | "encrypted"
}

const signatures = { local: 0x04034b50, central: 0x02014b50, end: 0x06054b50, locator64: 0x07064b50, end64: 0x06064b50 }

const endSize = 22
const centralSize = 46
const localSize = 30
const locator64Size = 20
const end64Size = 56

/**
 * The files of an archive by name. Throws an InputError if it is no whole archive, or has an entry that is there twice or
 * not inside of the file, or if its entries overlap so much that they have more bytes than the file.
 */
export async function readZipDirectory(source: ByteSource): Promise<Map<string, ZipEntry>> {
  const { start, size, count } = await findDirectory(source)
  const bytes = await readBytes(source, start, size)
  const entries = new Map<string, ZipEntry>()
  let total = 0
  let offset = 0
  for (let i = 0; i < count; i++) {
    const { entry, next } = parseEntry(bytes, offset, source)
    offset = next
    total += entry.size
    if (entries.has(entry.name)) throw unreadable(source.name, `the archive has ${quote(entry.name)} more than once`)
    if (entry.headerStart + localSize + entry.size > source.size || total > source.size) {
      throw unreadable(source.name, `the archive is damaged: ${quote(entry.name)} does not fit into the file`)
    }
    entries.set(entry.name, entry)
  }
  return entries
}

/** Where the bytes of an entry begin. Throws an InputError if they are no plain bytes, or the local header is damaged. */
export async function locateZipEntry(source: ByteSource, entry: ZipEntry): Promise<number> {
  const { name, headerStart, size, obstacle } = entry
  if (obstacle !== undefined) {
    throw unreadable(source.name, `${quote(name)} in the archive is ${obstacle}; torch.save stores plain bytes`)
  }
  const header = viewOf(await readBytes(source, headerStart, localSize))
  const start = headerStart + localSize + header.getUint16(26, true) + header.getUint16(28, true)
  if (header.getUint32(0, true) !== signatures.local || start + size > source.size) {
    throw unreadable(source.name, `the archive is damaged at ${quote(name)}`)
  }
  return start
}

interface Directory {
  start: number
  size: number
  count: number
}

/** Finds the directory by the record at the end of the archive, behind which only a comment may follow. */
async function findDirectory(source: ByteSource): Promise<Directory> {
  const tailSize = Math.min(source.size, endSize + 0xffff + locator64Size)
  const tail = viewOf(await readBytes(source, source.size - tailSize, tailSize))
  for (let at = tailSize - endSize; at >= 0; at--) {
    const isEnd = tail.getUint32(at, true) === signatures.end
    if (!isEnd || at + endSize + tail.getUint16(at + 20, true) !== tailSize) continue
    const directory = {
      count: tail.getUint16(at + 10, true),
      size: tail.getUint32(at + 12, true),
      start: tail.getUint32(at + 16, true),
    }
    const locatorAt = at - locator64Size
    if (locatorAt < 0 || tail.getUint32(locatorAt, true) !== signatures.locator64) return directory
    return readDirectory64(source, Number(tail.getBigUint64(locatorAt + 8, true)))
  }
  throw unreadable(source.name, "the file is cut short or damaged: a zip archive without a directory at its end")
}

async function readDirectory64(source: ByteSource, start: number): Promise<Directory> {
  const record = viewOf(await readBytes(source, start, end64Size))
  if (record.getUint32(0, true) !== signatures.end64) throw unreadable(source.name, "the archive's end is damaged")
  const [count, size, directoryStart] = [32, 40, 48].map((at) => Number(record.getBigUint64(at, true)))
  return { count: count!, size: size!, start: directoryStart! }
}

function parseEntry(bytes: Uint8Array, offset: number, source: ByteSource): { entry: ZipEntry; next: number } {
  const damaged = () => unreadable(source.name, "the archive's directory is damaged")
  if (offset + centralSize > bytes.length) throw damaged()
  const view = viewOf(bytes.subarray(offset))
  const [nameSize, extraSize, commentSize] = [28, 30, 32].map((at) => view.getUint16(at, true)) as [
    number,
    number,
    number,
  ]
  const next = offset + centralSize + nameSize + extraSize + commentSize
  if (view.getUint32(0, true) !== signatures.central || next > bytes.length) throw damaged()
  const nameStart = offset + centralSize
  const name = new TextDecoder().decode(bytes.subarray(nameStart, nameStart + nameSize))
  const extra = bytes.subarray(nameStart + nameSize, nameStart + nameSize + extraSize)
  const fields = widen64(
    extra,
    [24, 20, 42].map((at) => view.getUint32(at, true)),
  )
  if (fields === undefined) throw damaged()
  const isEncrypted = (view.getUint16(8, true) & 1) !== 0
  const isStored = view.getUint16(10, true) === 0 && fields[0] === fields[1]
  const obstacle = isEncrypted ? "encrypted" : isStored ? undefined : "compressed"
  return { entry: { name, size: fields[1]!, headerStart: fields[2]!, obstacle }, next }
}

/** 4.5.3: those of the fields that are all ones stand, in order, in the extra field with id 1. */
function widen64(extra: Uint8Array, fields: number[]): number[] | undefined {
  if (!fields.includes(0xffffffff)) return fields
  const view = viewOf(extra)
  for (let at = 0; at + 4 <= extra.length; at += 4 + view.getUint16(at + 2, true)) {
    if (view.getUint16(at, true) !== 1) continue
    let next = at + 4
    return fields.map((field) => {
      if (field !== 0xffffffff || next + 8 > extra.length) return field
      next += 8
      return Number(view.getBigUint64(next - 8, true))
    })
  }
  return undefined
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
