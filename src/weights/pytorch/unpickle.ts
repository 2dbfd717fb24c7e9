/**
 * A reader of Python's pickles that executes nothing. A pickle is a program for a stack machine; here its opcodes only
 * build plain data. Classes and functions are names, and what they would give is decided by a {@link PickleHost}.
 *
 *     None, bool, int, float, str   null, boolean, number (bigint where a number is not exact), string
 *     bytes, bytearray              Uint8Array
 *     list, tuple                   array
 *     dict, set                     Map, Set
 *
 * Opcodes of protocols 0 to 5: https://github.com/python/cpython/blob/main/Lib/pickletools.py.
 */
import { unreadable } from "../unreadable.ts"
import { Global, MalformedPickle, Opaque, type PickleHost } from "./pickle-host.ts"

/** A pickle goes on after the bytes that there are. */
export class PickleEndsEarly extends MalformedPickle {}

/**
 * Opcodes that one pickle may have, and objects that it may push. One byte can make an object of two hundred; a checkpoint
 * has about thirty opcodes and ten objects for each tensor. An element of what is given to a call counts as an object: the
 * call may copy it, and one list may be given to any number of calls.
 */
const maxOpcodes = 4_000_000
const maxObjects = 1_000_000

/** Bytes of an integer: Python has no limit, but turning digits into a number takes more than linear time. */
const maxIntegerSize = 1024

/**
 * Reads the pickle that begins at `start`.
 * @returns the value, and where the pickle ends
 * Throws an InputError if it is malformed or the host refuses it; its `cause` is a {@link PickleEndsEarly} if the bytes
 * end before the pickle does.
 */
export function unpickle(
  bytes: Uint8Array,
  host: PickleHost,
  source: string,
  start = 0,
): { value: unknown; end: number } {
  const machine = new Machine(bytes, start, host)
  try {
    return { value: machine.run(), end: machine.position }
  } catch (error) {
    if (error instanceof MalformedPickle) throw unreadable(source, error.message, error)
    throw error
  }
}

class Machine {
  position: number
  readonly host: PickleHost
  readonly memo = new Map<number, unknown>()
  /** Sizes that the stack had when marks were set. */
  readonly #marks: number[] = []
  readonly #stack: unknown[] = []
  #objects = 0
  readonly #bytes: Uint8Array
  readonly #view: DataView

  constructor(bytes: Uint8Array, position: number, host: PickleHost) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.position = position
    this.host = host
  }

  run(): unknown {
    for (let count = 0; count < maxOpcodes; count++) {
      const code = this.uint(1)
      if (code === stopCode) return this.pop()
      const opcode = opcodes[code]
      if (opcode === undefined) {
        throw new MalformedPickle(`byte ${this.position - 1} of its pickle is no opcode (0x${code.toString(16)})`)
      }
      opcode(this)
    }
    throw new MalformedPickle(`its pickle has more than ${maxOpcodes} opcodes`)
  }

  /** The next `size` bytes: a view. */
  take(size: number): Uint8Array {
    const at = this.#skip(size)
    return this.#bytes.subarray(at, at + size)
  }

  /** Steps over `size` bytes, and says where they are. */
  #skip(size: number): number {
    if (size > this.#bytes.length - this.position) {
      throw new PickleEndsEarly("the file is cut short: its pickle goes on after the end")
    }
    this.position += size
    return this.position - size
  }

  /** The next little-endian unsigned integer of 1, 2, 4 or 8 bytes; too large ones are as good as infinite. */
  uint(size: 1 | 2 | 4 | 8): number {
    const at = this.#skip(size)
    if (size === 1) return this.#bytes[at]!
    if (size === 2) return this.#view.getUint16(at, true)
    if (size === 4) return this.#view.getUint32(at, true)
    return Number(this.#view.getBigUint64(at, true))
  }

  int32(): number {
    return this.uint(4) | 0
  }

  float64(): number {
    return this.#view.getFloat64(this.#skip(8), false)
  }

  /** Text up to a newline, which is skipped. */
  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.position)
    if (end === -1) throw new PickleEndsEarly("the file is cut short: its pickle ends in the middle of a line")
    return decodeUtf8(this.take(end + 1 - this.position).subarray(0, -1))
  }

  push(value: unknown): void {
    if (typeof value === "object" && value !== null) this.#count(1)
    this.#stack.push(value)
  }

  #count(objects: number): void {
    this.#objects += objects
    if (this.#objects > maxObjects) throw new MalformedPickle(`its pickle has more than ${maxObjects} objects`)
  }

  pop(): unknown {
    if (this.#stack.length <= (this.#marks.at(-1) ?? 0))
      throw new MalformedPickle("its pickle takes from an empty stack")
    return this.#stack.pop()
  }

  /** The value on top, left where it is. */
  top(): unknown {
    const value = this.pop()
    this.#stack.push(value)
    return value
  }

  mark(): void {
    this.#marks.push(this.#stack.length)
  }

  /** Everything since the last mark, which is removed. */
  popMark(): unknown[] {
    const size = this.#marks.pop()
    if (size === undefined) throw new MalformedPickle("its pickle has no mark where one is needed")
    return this.#stack.splice(size)
  }

  /** Removes what is on top: a value or a mark. */
  popOrUnmark(): void {
    if (this.#marks.at(-1) === this.#stack.length) this.#marks.pop()
    else this.pop()
  }

  /** The last `count` values, in the order in which they were pushed. */
  pops(count: number): unknown[] {
    return Array.from({ length: count }, () => this.pop()).reverse()
  }

  remember(index: number): void {
    this.memo.set(index, this.top())
  }

  recall(index: number): void {
    if (!this.memo.has(index)) throw new MalformedPickle(`its pickle has no memo ${index}`)
    this.push(this.memo.get(index))
  }

  name(module: unknown, name: unknown): void {
    if (typeof module !== "string" || typeof name !== "string") {
      throw new MalformedPickle("its pickle has a global whose name is no text")
    }
    this.push(this.host.find(module, name))
  }

  /** What calling `callee` gives, to the host's mind. */
  call(callee: unknown, args: unknown): void {
    if (!(callee instanceof Global)) throw new MalformedPickle("its pickle calls what is no global")
    if (!Array.isArray(args)) throw new MalformedPickle(`its pickle calls ${callee.path} without a tuple of arguments`)
    for (const arg of args) this.#count(sizeOf(arg))
    this.push(this.host.call(callee, args))
  }

  /** Gives the object on top its state. None of the objects that are rebuilt has one that counts. */
  build(): void {
    this.pop()
    const target = this.top()
    if (target instanceof Global) throw new MalformedPickle(`its pickle gives a state to ${target.path} itself`)
    if (typeof target !== "object" || target === null)
      throw new MalformedPickle("its pickle gives a state to no object")
  }

  append(items: unknown[]): void {
    const target = this.top()
    if (Array.isArray(target)) for (const item of items) target.push(item)
    else if (!(target instanceof Opaque)) throw new MalformedPickle("its pickle appends to what is no list")
  }

  add(items: unknown[]): void {
    const target = this.top()
    if (target instanceof Set) for (const item of items) target.add(item)
    else if (!(target instanceof Opaque)) throw new MalformedPickle("its pickle adds to what is no set")
  }

  setItems(items: unknown[]): void {
    const target = this.top()
    if (items.length % 2 !== 0) throw new MalformedPickle("its pickle has a key without a value")
    if (target instanceof Map) for (let i = 0; i < items.length; i += 2) target.set(items[i], items[i + 1])
    else if (!(target instanceof Opaque)) throw new MalformedPickle("its pickle sets an item of what is no dict")
  }
}

/** Elements of a container; 0 for what is none. */
function sizeOf(value: unknown): number {
  if (Array.isArray(value)) return value.length
  return value instanceof Map || value instanceof Set ? value.size : 0
}

const stopCode = 0x2e // "."

/** What each opcode does, by its code; the letters are those of pickletools. */
const opcodes: Partial<Record<number, (machine: Machine) => void>> = byCode({
  // Stack and memo
  "(": (m) => m.mark(),
  "0": (m) => m.popOrUnmark(),
  "1": (m) => m.popMark(),
  "2": (m) => m.push(m.top()),
  p: (m) => m.remember(parseInteger(m.line())),
  q: (m) => m.remember(m.uint(1)),
  r: (m) => m.remember(m.uint(4)),
  "\x94": (m) => m.remember(m.memo.size),
  g: (m) => m.recall(parseInteger(m.line())),
  h: (m) => m.recall(m.uint(1)),
  j: (m) => m.recall(m.uint(4)),
  "\x80": (m) => checkProtocol(m.uint(1)),
  "\x95": (m) => m.uint(8), // FRAME: a hint for readers of streams

  // Constants
  N: (m) => m.push(null),
  "\x88": (m) => m.push(true),
  "\x89": (m) => m.push(false),

  // Numbers
  I: (m) => m.push(parseIntegerOrBoolean(m.line())),
  J: (m) => m.push(m.int32()),
  K: (m) => m.push(m.uint(1)),
  M: (m) => m.push(m.uint(2)),
  L: (m) => m.push(parseLong(m.line())),
  "\x8a": (m) => m.push(decodeLong(m.take(m.uint(1)))),
  "\x8b": (m) => m.push(decodeLong(m.take(m.uint(4)))),
  F: (m) => m.push(Number(m.line())),
  G: (m) => m.push(m.float64()),

  // Texts; those of Python 2 are bytes that were meant as text
  S: (m) => m.push(resolveEscapes(m.line().replace(/^(['"])(.*)\1$/s, "$2"))),
  V: (m) => m.push(resolveEscapes(m.line())),
  T: (m) => m.push(decodeUtf8(m.take(m.uint(4)))),
  U: (m) => m.push(decodeUtf8(m.take(m.uint(1)))),
  X: (m) => m.push(decodeUtf8(m.take(m.uint(4)))),
  "\x8c": (m) => m.push(decodeUtf8(m.take(m.uint(1)))),
  "\x8d": (m) => m.push(decodeUtf8(m.take(m.uint(8)))),

  // Bytes
  B: (m) => m.push(m.take(m.uint(4))),
  C: (m) => m.push(m.take(m.uint(1))),
  "\x8e": (m) => m.push(m.take(m.uint(8))),
  "\x96": (m) => m.push(m.take(m.uint(8))),

  // Containers
  ")": (m) => m.push([]),
  t: (m) => m.push(m.popMark()),
  "\x85": (m) => m.push(m.pops(1)),
  "\x86": (m) => m.push(m.pops(2)),
  "\x87": (m) => m.push(m.pops(3)),
  "]": (m) => m.push([]),
  l: (m) => m.push(m.popMark()),
  a: (m) => m.append(m.pops(1)),
  e: (m) => m.append(m.popMark()),
  "}": (m) => m.push(new Map()),
  d: (m) => pushDict(m, m.popMark()),
  s: (m) => m.setItems(m.pops(2)),
  u: (m) => m.setItems(m.popMark()),
  "\x8f": (m) => m.push(new Set()),
  "\x90": (m) => m.add(m.popMark()),
  "\x91": (m) => m.push(new Set(m.popMark())),

  // Names, calls and objects: for the host to decide
  c: (m) => m.name(m.line(), m.line()),
  "\x93": (m) => m.name(...(m.pops(2) as [unknown, unknown])),
  R: (m) => call(m, m.pops(2)),
  "\x81": (m) => call(m, m.pops(2)),
  "\x92": (m) => call(m, m.pops(3)),
  o: (m) => callMarked(m, m.popMark()),
  i: (m) => callNamed(m),
  b: (m) => m.build(),
  Q: (m) => m.push(m.host.persistent(m.pop())),
  P: (m) => m.push(m.host.persistent(m.line())),
})

function byCode(table: Record<string, (machine: Machine) => void>): Partial<Record<number, (m: Machine) => void>> {
  return Object.fromEntries(Object.entries(table).map(([letter, opcode]) => [letter.charCodeAt(0), opcode]))
}

function checkProtocol(protocol: number): void {
  if (protocol > 5) throw new MalformedPickle(`its pickle has protocol ${protocol}; 0 to 5 are known`)
}

function pushDict(machine: Machine, items: unknown[]): void {
  machine.push(new Map())
  machine.setItems(items)
}

/** REDUCE, NEWOBJ and NEWOBJ_EX: a callable, a tuple of arguments, perhaps a dict of more. */
function call(machine: Machine, [callee, args]: unknown[]): void {
  machine.call(callee, args)
}

/** OBJ: a mark, a class, arguments. */
function callMarked(machine: Machine, [callee, ...args]: unknown[]): void {
  machine.call(callee, args)
}

/** INST: a mark, arguments; the class is in the opcode. */
function callNamed(machine: Machine): void {
  const args = machine.popMark()
  machine.name(machine.line(), machine.line())
  machine.call(machine.pop(), args)
}

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true })

function decodeUtf8(bytes: Uint8Array): string {
  return utf8.decode(bytes)
}

/** Backslash escapes of protocol 0's texts. */
function resolveEscapes(text: string): string {
  const letters: Partial<Record<string, string>> = { n: "\n", r: "\r", t: "\t" }
  return text.replace(/\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|(.))/gi, (_, x?: string, u?: string, letter?: string) =>
    letter === undefined ? String.fromCharCode(Number.parseInt((x ?? u)!, 16)) : (letters[letter] ?? letter),
  )
}

function parseInteger(text: string): number {
  if (!/^-?\d{1,15}$/.test(text))
    throw new MalformedPickle(`its pickle has a number that is none: ${text.slice(0, 40)}`)
  return Number(text)
}

function parseIntegerOrBoolean(text: string): number | boolean {
  if (text === "01") return true
  return text === "00" ? false : parseInteger(text)
}

function parseLong(text: string): number | bigint {
  const digits = text.replace(/L$/, "")
  if (!/^-?\d+$/.test(digits) || digits.length > maxIntegerSize) {
    throw new MalformedPickle("its pickle has a number that is none or too long")
  }
  return narrow(BigInt(digits))
}

/** A little-endian integer in two's complement, of any length. */
function decodeLong(bytes: Uint8Array): number | bigint {
  if (bytes.length > maxIntegerSize) throw new MalformedPickle(`its pickle has an integer of ${bytes.length} bytes`)
  let value = 0n
  for (const byte of bytes.toReversed()) value = (value << 8n) | BigInt(byte)
  return narrow(BigInt.asIntN(8 * bytes.length, value))
}

function narrow(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
