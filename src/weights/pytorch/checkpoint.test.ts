import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { InputError } from "../../tensor/errors.ts"
import { type DType, type NdArray, ndarray, sizeOf, zeros } from "../../tensor/ndarray.ts"
import { wrapBytes } from "../byte-source.ts"
import { readAll } from "../checkpoint.ts"
import { openCheckpoint } from "../formats.ts"
import {
  concat,
  floats,
  makeArchive,
  makeZip,
  type Piece,
  pickledDict,
  pickledTensor,
  type TensorFields,
  text,
  uint,
} from "./archive.fixture.ts"

/** Made by PyTorch 2.15; make_fixtures.py beside them says how. */
const fixture = (name: string) =>
  new Uint8Array(readFileSync(new URL(`../../../test/golden/checkpoints/pytorch/${name}`, import.meta.url)))

const open = (bytes: Uint8Array) =>
  openCheckpoint(wrapBytes(bytes, "x.pth"), () => Promise.reject(new Error("there is nothing beside it")))
const load = async (bytes: Uint8Array) => readAll(await open(bytes))

/** The float16 and bfloat16 bits of -3 .. 3. */
const halves = [0xc200, 0xc000, 0xbc00, 0, 0x3c00, 0x4000, 0x4200]
const brains = [0xc040, 0xc000, 0xbf80, 0, 0x3f80, 0x4000, 0x4040]

/** What make_fixtures.py puts into a [3, 4] tensor. */
function expectedValues(dtype: DType): NdArray {
  const array = zeros([3, 4], dtype) as NdArray
  for (let i = 0; i < 12; i++) {
    if (dtype === "float16") array.data[i] = halves[i % 7]!
    else if (dtype === "bfloat16") array.data[i] = brains[i % 7]!
    else if (dtype === "bool") array.data[i] = i % 2
    else {
      const value = dtype.startsWith("uint") ? i % 7 : (i % 7) - 3
      array.data[i] = dtype.endsWith("int64") ? BigInt(value) : value
    }
  }
  return array
}

test.each(["dtypes.pth", "dtypes-legacy.pth", "dtypes-unsigned.pth"])("%s: every type has its values", async (name) => {
  const tensors = await load(fixture(name))
  expect(Object.keys(tensors)).toHaveLength(name === "dtypes-unsigned.pth" ? 3 : 10)
  for (const [dtype, tensor] of Object.entries(tensors)) expect(tensor, dtype).toEqual(expectedValues(dtype as DType))
})

const range = (count: number, place: (i: number) => number) => Array.from({ length: count }, (_, i) => place(i))

test.each(["views.pth", "views-legacy.pth"])("%s: views, strides and shared storages", async (name) => {
  const tensors = await load(fixture(name))
  expect(tensors).toEqual({
    base: ndarray(range(60, (i) => i)),
    slice: ndarray(
      range(12, (i) => i + 10),
      [3, 4],
    ),
    transposed: ndarray(
      range(12, (i) => (i % 3) * 4 + Math.floor(i / 3)),
      [4, 3],
    ),
    columns: ndarray([12, 15, 18, 22, 25, 28, 32, 35, 38], [3, 3]),
    channels_last: ndarray(
      range(120, (i) => i),
      [2, 3, 4, 5],
    ),
    expanded: ndarray(new Array(12).fill(2.5), [3, 4]),
    scalar: ndarray([59], []),
    empty: zeros([0, 4]),
    tied: ndarray(range(60, (i) => i)),
    parameter: ndarray([3, 4]),
  })
  expect(tensors.tied!.data.buffer).toBe(tensors.base!.data.buffer) // what is one storage takes memory once
})

test.each(["leftovers.pth", "leftovers-legacy.pth", ...[1, 3, 4, 5].map((p) => `leftovers-protocol-${p}.pth`)])(
  "%s: of a training checkpoint only the weights are taken",
  async (name) => {
    const { format, tensors } = await open(fixture(name))
    expect(format).toBe(name.includes("legacy") ? "PyTorch (legacy)" : "PyTorch")
    expect(tensors.map(({ name, dtype, shape }) => [name, dtype, shape])).toEqual([
      ["0.weight", "float32", [3, 2]],
      ["0.bias", "float32", [3]],
      ["1.weight", "float32", [3]],
      ["1.bias", "float32", [3]],
      ["1.running_mean", "float32", [3]],
      ["1.running_var", "float32", [3]],
      ["1.num_batches_tracked", "int64", []],
    ])
    expect(await tensors[0]!.read()).toEqual(ndarray([-3, -2, -1, 0, 1, 2], [3, 2]))
    expect(await tensors[6]!.read()).toEqual(ndarray(BigInt64Array.of(-3n), [], "int64"))
  },
)

test.each([
  ["refused-float8.pth", /tensor "weight" is float8_e4m3fn, which is not supported; convert it/],
  ["refused-complex.pth", /tensor "weight" is complex64/],
  ["refused-sparse.pth", /a tensor that is sparse \(torch\._utils\._rebuild_sparse_tensor\)/],
  ["refused-quantized.pth", /a tensor that is quantized/],
  ["refused-module.pth", /torch\.nn\.modules\.linear\.Linear.*torch\.save\(model\.state_dict\(\), PATH\)/],
  ["refused-list.pth", /it holds a list, not a state dict/],
  ["refused-torchscript.pt", /a TorchScript program, which is code/],
])("%s is refused", async (name, message) => {
  await expect(open(fixture(name))).rejects.toThrow(InputError)
  await expect(open(fixture(name))).rejects.toThrow(message)
})

const four = floats(1, 2, 3, 4)
const archiveOf = (fields: TensorFields, storages = { "0": four } as Record<string, Uint8Array>) =>
  makeArchive(pickledDict({ w: pickledTensor(fields) }), storages)

test("an archive that is built by hand is read, also with zip64 records and a comment", async () => {
  const pickle = pickledDict({ w: pickledTensor() })
  for (const options of [{}, { zip64: true }, { comment: "PK\x05\x06, and more" }]) {
    expect(await load(makeArchive(pickle, { "0": four }, options))).toEqual({ w: ndarray([1, 2, 3, 4]) })
  }
})

test("negative zeros, NaN and every other bit pattern of a view arrive as they are", async () => {
  const bits = Uint32Array.of(0x80000000, 0x7fc00001, 0xff800000, 1)
  const { w } = await load(archiveOf({}, { "0": new Uint8Array(bits.buffer) }))
  expect(new Uint32Array(w!.data.buffer, w!.data.byteOffset, 4)).toEqual(bits)
})

test.each<[string, Uint8Array, RegExp]>([
  [
    "a view that leaves its storage",
    archiveOf({ shape: [5] }),
    /tensor "w" of shape \[5\] and strides \[1\] leaves its storage/,
  ],
  ["an offset out of the storage", archiveOf({ offset: 1 }), /leaves its storage/],
  ["strides out of the storage", archiveOf({ shape: [2, 2], strides: [3, 1] }), /leaves its storage/],
  [
    "a shape of 2^106 elements",
    archiveOf({ shape: [2 ** 53 - 1, 2 ** 53 - 1], strides: [0, 0] }),
    /leaves its storage/,
  ],
  ["a negative stride", archiveOf({ strides: [-1] }), /stride is -1/],
  ["a negative offset", archiveOf({ offset: -1 }), /storage offset is -1/],
  ["a negative dimension", archiveOf({ shape: [-4] }), /shape is -4/],
  ["a shape without strides", archiveOf({ strides: [] }), /1 dimensions with 0 strides/],
  [
    "a storage of 2^50 elements",
    archiveOf({ elements: 2 ** 50, shape: [2 ** 50] }),
    /storage "0" of tensor "w" has only 16 bytes/,
  ],
  ["a storage that is not there", archiveOf({ key: "1" }), /no storage "1"/],
  ["a storage elsewhere", archiveOf({ key: "../0" }), /no storage "\.\.\/0"/],
  [
    "stride zero and 4 TB",
    archiveOf({ shape: [2 ** 40], strides: [0] }),
    /need far more memory than the file has bytes/,
  ],
  ["booleans of 2", archiveOf({ type: "BoolStorage" }, { "0": Uint8Array.of(0, 1, 2, 1) }), /is of booleans but holds/],
  [
    "a zip archive of something else",
    makeZip({ "word/document.xml": "<xml/>" }),
    /torch\.save did not write: it has no data\.pkl/,
  ],
  [
    "big-endian numbers",
    makeZip({ "a/data.pkl": pickledDict({ w: pickledTensor() }), "a/byteorder": "big" }),
    /byte order "big"/,
  ],
  ["no tensors", makeArchive(pickledDict({ epoch: "K\x03" })), /holds no state dict; its keys are "epoch"/],
  ["a single tensor", makeArchive(concat("\x80\x02", pickledTensor(), "."), { "0": four }), /holds a single tensor/],
  [
    "a pickle that torch.save did not write",
    concat("\x80\x02K\x01."),
    /a Python pickle that torch\.save did not write/,
  ],
  ["a bare pickle that runs a program", concat("cposix\nsystem\n(S'true'\ntR."), /calls for posix\.system/],
  [
    "a pickle in an archive that does",
    makeArchive(concat("\x80\x02cposix\nsystem\n", text("true"), "\x85R.")),
    /calls for posix\.system/,
  ],
])("refuses %s", async (_, bytes, message) => {
  await expect(load(bytes)).rejects.toThrow(InputError)
  await expect(load(bytes)).rejects.toThrow(message)
  await expect(load(bytes)).rejects.toThrow(/^cannot read x\.pth: /)
})

test("a small file cannot take much memory by many copies of one storage", async () => {
  const shape = [2 ** 20, 4]
  const tensors = Array.from({ length: 8 }, (_, i) => [`w${i}`, pickledTensor({ shape, strides: [0, 1] })])
  const bytes = makeArchive(pickledDict(Object.fromEntries(tensors)), { "0": four })
  await expect(load(bytes)).rejects.toThrow(/need far more memory than the file has bytes/)
})

const storage = ["(", text("storage"), "ctorch\nFloatStorage\n", text("0"), text("cpu"), "K\x04"] as const
const args = (storage: Uint8Array, ...more: Piece[]) =>
  concat("(", storage, "K\x01K\x02\x85K\x01\x85\x89N", ...more, "t")
const whole = concat(...storage, "tQ")

test.each([
  ["the first torch.save", concat("ctorch._utils\n_rebuild_tensor\n(", whole, "K\x01K\x02\x85K\x01\x85tR"), [2, 3]],
  [
    "a parameter",
    concat("ctorch._utils\n_rebuild_parameter\n(ctorch._utils\n_rebuild_tensor_v2\n", args(whole), "R\x89NtR"),
    [2, 3],
  ],
  [
    "a parameter of a subclass",
    concat(
      "ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._utils\n_rebuild_tensor_v2\nctorch.nn.parameter\nParameter\n",
      args(whole),
      "}tR",
    ),
    [2, 3],
  ],
  [
    "a tensor of CUDA",
    concat(
      "ctorch._utils\n_rebuild_tensor_v2\n",
      args(concat("(", text("storage"), "ctorch.cuda\nFloatStorage\n", text("0"), text("cuda:0"), "K\x04tQ")),
      "R",
    ),
    [2, 3],
  ],
  [
    "a storage that is a view of another",
    concat("ctorch._utils\n_rebuild_tensor_v2\n", args(concat(...storage, "(", text("view"), "K\x01K\x03ttQ")), "R"),
    [3, 4],
  ],
])("reads %s", async (_, tensor, expected) => {
  expect(await load(makeArchive(pickledDict({ w: tensor }), { "0": four }))).toEqual({ w: ndarray(expected) })
})

test("a negated view and a view that leaves the storage it views are refused", async () => {
  const negated = args(whole, "}", text("neg"), "\x88s")
  const beyond = args(concat(...storage, "(", text("view"), "K\x02K\x03ttQ"))
  for (const [pieces, message] of [
    [negated, /a negated or conjugated view/],
    [beyond, /a view that leaves its storage/],
  ] as const) {
    const pickle = pickledDict({ w: concat("ctorch._utils\n_rebuild_tensor_v2\n", pieces, "R") })
    await expect(load(makeArchive(pickle, { "0": four }))).rejects.toThrow(message)
  }
})

const central = { flags: 8, method: 10, compressedSize: 20, size: 24, start: 42 }

test.each<[string, (directory: DataView) => void, RegExp]>([
  [
    "compressed",
    (directory) => directory.setUint16(central.method, 8, true),
    /"archive\/data\.pkl" in the archive is compressed/,
  ],
  [
    "encrypted",
    (directory) => directory.setUint16(central.flags, 1, true),
    /"archive\/data\.pkl" in the archive is encrypted/,
  ],
  ["larger than the file", (directory) => setSizes(directory, 2 ** 31), /does not fit into the file/],
  [
    "elsewhere than its header",
    (directory) => directory.setUint32(central.start, 1, true),
    /archive is damaged at "archive\/data\.pkl"/,
  ],
  ["without its zip64 field", (directory) => setSizes(directory, 2 ** 32 - 1), /directory is damaged/],
  ["without a signature", (directory) => directory.setUint32(0, 0, true), /directory is damaged/],
])("refuses an archive with an entry that is %s", async (_, change, message) => {
  const tamper = (directory: Uint8Array) => change(new DataView(directory.buffer, directory.byteOffset))
  await expect(load(makeArchive(pickledDict({ w: pickledTensor() }), { "0": four }, { tamper }))).rejects.toThrow(
    message,
  )
})

function setSizes(directory: DataView, size: number): void {
  directory.setUint32(central.compressedSize, size, true)
  directory.setUint32(central.size, size, true)
}

test("refuses an archive that has a name twice, or entries that share their bytes", async () => {
  const twice = { "a/data.pkl": pickledDict({}), "b/data.pkl": "N." }
  const rename = (directory: Uint8Array) => {
    for (let i = 0; i < directory.length; i++)
      if (directory[i] === 0x62 && directory[i + 1] === 0x2f) directory[i] = 0x61
  }
  await expect(load(makeZip(twice, { tamper: rename }))).rejects.toThrow(/"a\/data\.pkl" more than once/)
  const shared = Object.fromEntries(
    Array.from({ length: 4 }, (_, i) => [String(i), new Uint8Array(i === 0 ? 4096 : 0)]),
  )
  const overlap = (directory: Uint8Array) => {
    const view = new DataView(directory.buffer, directory.byteOffset)
    for (let at = 0; at < directory.length; at += 46 + view.getUint16(at + 28, true)) {
      const entry = new DataView(directory.buffer, directory.byteOffset + at)
      if (directory[at + view.getUint16(at + 28, true) + 45]! <= 0x33) setSizes(entry, 4096)
    }
  }
  await expect(load(makeArchive(pickledDict({}), shared, { tamper: overlap }))).rejects.toThrow(
    /does not fit into the file/,
  )
})

test("a legacy file whose storages lie about their size is refused", async () => {
  const bytes = fixture("dtypes-legacy.pth")
  const storages = Object.values(await load(bytes)).reduce((sum, { data }) => sum + data.byteLength + 8, 0)
  const view = new DataView(bytes.buffer)
  view.setBigInt64(bytes.length - storages, 2n ** 40n, true)
  await expect(load(bytes)).rejects.toThrow(/cut short or damaged at storage/)
  view.setBigInt64(bytes.length - storages, -1n, true)
  await expect(load(bytes)).rejects.toThrow(/cut short or damaged at storage/)
})

test("a legacy file whose keys are lists that hold one another is refused at once", async () => {
  const legacy = fixture("views-legacy.pth")
  const keys = concatIndex(legacy, concat(".\x80\x02]q\x00")) + 1
  const nested = concat("\x80\x02]q\x00(", "]q\x01(U\x01ae", "(h\x01h\x01lq\x01".repeat(40), "e.")
  const damaged = concat(legacy.subarray(0, keys), nested, legacy.subarray(keys))
  await expect(load(damaged)).rejects.toThrow(/its list of storages is damaged: a key is of a wrong type \(object\)/)
})

test("a tensor has 64 dimensions at most", async () => {
  const archive = (rank: number) =>
    archiveOf({ shape: new Array(rank).fill(1), strides: new Array(rank).fill(1) }, { "0": four })
  expect((await load(archive(64))).w!.shape).toHaveLength(64)
  await expect(load(archive(65))).rejects.toThrow(/its pickle has a tensor of 65 dimensions; 64 are the most/)
})

test("a legacy file whose pickles are longer than the first look is read", async () => {
  const legacy = fixture("views-legacy.pth")
  const expected = await load(legacy)
  // After the empty dict of the object: a text of 5 MB that is dropped again.
  const at = concatIndex(legacy, concat("ccollections\nOrderedDict\n"))
  const long = concat(
    legacy.subarray(0, at),
    "X",
    uint(5_000_000, 4),
    new Uint8Array(5_000_000).fill(0x61),
    "0",
    legacy.subarray(at),
  )
  expect(await load(long)).toEqual(expected)
})

function concatIndex(bytes: Uint8Array, part: Uint8Array): number {
  return Buffer.from(bytes).indexOf(part)
}

test("a tensor of no elements needs no storage", async () => {
  const { w } = await load(archiveOf({ elements: 0, shape: [0, 3], strides: [3, 1] }, {}))
  expect(w).toEqual(zeros([0, 3]))
  expect(sizeOf(w!.shape)).toBe(0)
})
