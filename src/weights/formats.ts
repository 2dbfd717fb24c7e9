/** The formats of checkpoints, told by the content. */
import { type ByteSource, type OpenSibling, readBytes } from "./byte-source.ts"
import type { Checkpoint } from "./checkpoint.ts"
import { openOnnx } from "./onnx.ts"
import { openTorchArchive, openTorchLegacy } from "./pytorch/checkpoint.ts"
import { openSafetensors, prefixSize } from "./safetensors.ts"
import { openSharded } from "./sharded.ts"
import { unreadable } from "./unreadable.ts"

/** A checkpoint format: how to tell it by its first bytes, and how to open it. */
interface Format {
  name: string
  /** @param head the first bytes, each as a character; fewer than {@link headSize} if the file has no more. */
  recognises(head: string): boolean
  open(source: ByteSource, openSibling: OpenSibling): Promise<Checkpoint>
}

/** Formats of one file, and of one shard. */
const fileFormats: Format[] = [
  { name: "safetensors", recognises: (head) => head[prefixSize] === "{" && !isText(head), open: openSafetensors },
  { name: "PyTorch", recognises: (head) => head.startsWith("PK\x03\x04"), open: openTorchArchive },
  { name: "PyTorch (legacy)", recognises: isPickle, open: openTorchLegacy },
  // A model begins with its ir_version, a small number.
  { name: "ONNX", recognises: (head) => head[0] === "\x08" && head[1]! < "\x20", open: openOnnx },
]

const formats: Format[] = [
  ...fileFormats,
  {
    name: "index of shards",
    recognises: (head) => head[0] === "{" && isText(head),
    // A shard is no index itself: indices cannot go round in circles.
    open: (source, openSibling) => openSharded(source, openSibling, (shard) => openAs(fileFormats, shard, openSibling)),
  },
]

/** Bytes from the beginning of a file by which its format is told. */
const headSize = 64

/** Whether a file begins as text does; a safetensors file begins with a length, whose last bytes are zeros. */
function isText(head: string): boolean {
  return /^[\t\n\r -~]*$/.test(head.slice(0, prefixSize))
}

/** Pickles of protocol 2 and up begin with its number, older ones with a long integer, a global, or a mark and a value. */
function isPickle(head: string): boolean {
  if (head[0] === "\x80") return head[1]! <= "\x05"
  return /^(L\d+L\n|c[\w.]+\n\w+\n|\((dp|lp|S'))/.test(head)
}

/**
 * Opens a checkpoint in any of the formats.
 * @param openSibling opens what lies beside it: shards and external data
 * Throws an InputError if it is of no known format, cut short or inconsistent.
 */
export async function openCheckpoint(source: ByteSource, openSibling: OpenSibling): Promise<Checkpoint> {
  return openAs(formats, source, openSibling)
}

async function openAs(known: readonly Format[], source: ByteSource, openSibling: OpenSibling): Promise<Checkpoint> {
  const bytes = await readBytes(source, 0, Math.min(headSize, source.size))
  const head = String.fromCharCode(...bytes)
  const format = known.find(({ recognises }) => recognises(head))
  if (format === undefined) throw unknownFormat(known, source, bytes)
  return format.open(source, openSibling)
}

function unknownFormat(known: readonly Format[], source: ByteSource, head: Uint8Array): Error {
  const text = String.fromCharCode(...head)
  if (text.startsWith("version https://git-lfs")) {
    throw unreadable(
      source.name,
      "it is a pointer of Git LFS, not the weights themselves: fetch them with git lfs pull",
    )
  }
  if (/^\s*<(!doctype|html)/i.test(text)) {
    throw unreadable(
      source.name,
      "it is a web page, not weights: the address that it was downloaded from is that of a page",
    )
  }
  const hex = Array.from(head.subarray(0, 16), (byte) => byte.toString(16).padStart(2, "0")).join("")
  const start = head.length > 0 ? `it starts with bytes ${hex}` : "it is empty"
  const names = known.map(({ name }) => name).join(", ")
  return unreadable(source.name, `not a checkpoint in a known format (${names}); ${start}`)
}
