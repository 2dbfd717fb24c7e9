/**
 * Writes zip archives as `torch.save` lays them out: entries stored, not compressed, and each beginning at a multiple of 64
 * bytes, so that they can be mapped into memory. PKWARE's APPNOTE.TXT 6.3.10, sections 4.3.7 to 4.3.16. All records have
 * their zip64 form, which holds for small files as for those of more than 4 GB.
 */

/** A file of the archive. */
export interface ZipFile {
  /** ASCII. */
  name: string
  content: Uint8Array
}

/** What PyTorch aligns to. */
const alignment = 64

/** Version 4.5 of the format: the first with zip64. */
const version = 45
/** 1 January 1980, the first day that the format knows: the same content gives the same bytes. */
const date = 0x21
/** Says that a field stands in the zip64 record. */
const [full16, full32] = [0xffff, 0xffffffff]
const zip64Id = 1
/** Of the extra field that PyTorch fills up to the alignment. */
const paddingId = 0x4246

const localSize = 30
const localZip64Size = 20
const extraHeaderSize = 4

/** The bytes of the archive, part by part; contents are not copied. */
export function* layoutZip(files: readonly ZipFile[]): Iterable<Uint8Array> {
  const records: Uint8Array[] = []
  let at = 0
  for (const file of files) {
    const checksum = crc32(file.content)
    records.push(directoryRecord(file, checksum, at))
    const header = localHeader(file, checksum, at)
    yield header
    yield file.content
    at += header.length + file.content.length
  }
  const directorySize = records.reduce((size, { length }) => size + length, 0)
  yield* records
  yield endRecords(files.length, directorySize, at)
}

/** 4.3.7, with the zip64 sizes and the padding. */
function localHeader({ name, content }: ZipFile, checksum: number, at: number): Uint8Array {
  const unpadded = at + localSize + name.length + localZip64Size + extraHeaderSize
  const padding = (alignment - (unpadded % alignment)) % alignment
  const extraSize = localZip64Size + extraHeaderSize + padding
  return pack(
    ...[u32(0x04034b50), ...commonFields(name, checksum, extraSize)],
    ...[ascii(name), u16(zip64Id), u16(16), u64(content.length), u64(content.length)],
    ...[u16(paddingId), u16(padding), new Uint8Array(padding)],
  )
}

/** 4.3.12. The five empty fields are comment, disk, attributes. */
function directoryRecord({ name, content }: ZipFile, checksum: number, at: number): Uint8Array {
  return pack(
    ...[u32(0x02014b50), u16(version), ...commonFields(name, checksum, 28)],
    ...[u16(0), u16(0), u16(0), u32(0), u32(full32), ascii(name)],
    ...[u16(zip64Id), u16(24), u64(content.length), u64(content.length), u64(at)],
  )
}

/** From the version to the length of the extra field: the same in both records of a file. */
function commonFields(name: string, checksum: number, extraSize: number): Uint8Array[] {
  const [flags, stored, time] = [0, 0, 0]
  return [
    ...[u16(version), u16(flags), u16(stored), u16(time), u16(date), u32(checksum)],
    ...[u32(full32), u32(full32), u16(name.length), u16(extraSize)],
  ]
}

/** 4.3.14 to 4.3.16: the zip64 record, its locator, and the record that refers to them. */
function endRecords(count: number, directorySize: number, directoryStart: number): Uint8Array {
  const disk = u32(0)
  return pack(
    ...[u32(0x06064b50), u64(44), u16(version), u16(version), disk, disk],
    ...[u64(count), u64(count), u64(directorySize), u64(directoryStart)],
    ...[u32(0x07064b50), disk, u64(directoryStart + directorySize), u32(1)],
    ...[u32(0x06054b50), u16(0), u16(0), u16(full16), u16(full16), u32(full32), u32(full32), u16(0)],
  )
}

const u16 = (value: number): Uint8Array => littleEndian(BigInt(value), 2)
const u32 = (value: number): Uint8Array => littleEndian(BigInt(value), 4)
const u64 = (value: number): Uint8Array => littleEndian(BigInt(value), 8)

function littleEndian(value: bigint, size: number): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, value, true)
  return bytes.subarray(0, size)
}

function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** The bytes of all pieces, one after the other. */
function pack(...pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((size, { length }) => size + length, 0))
  let offset = 0
  for (const piece of pieces) {
    bytes.set(piece, offset)
    offset += piece.length
  }
  return bytes
}

/** Remainders of all bytes. */
const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte
  for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? 0xedb88320 : 0)
  return remainder
})

/** The checksum of zip archives: 4.4.7. */
export function crc32(bytes: Uint8Array): number {
  let crc = -1
  for (let i = 0; i < bytes.length; i++) crc = crcTable[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8)
  return ~crc >>> 0
}
