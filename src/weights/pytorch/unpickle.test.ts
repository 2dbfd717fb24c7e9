import { expect, test } from "vitest"
import { InputError } from "../../tensor/errors.ts"
import { concat, type Piece, text, uint } from "./archive.fixture.ts"
import { torchHost } from "./globals.ts"
import { Global, Opaque } from "./pickle-host.ts"
import { PickleEndsEarly, unpickle } from "./unpickle.ts"

const read = (...pieces: Piece[]) => unpickle(concat(...pieces), torchHost, "x.pth").value

test.each<[string, Piece[], unknown]>([
  ["None and booleans", ["(N\x88\x89I01\nI00\nt."], [null, true, false, true, false]],
  ["integers", ["(K\xffM\xff\xffJ\xfe\xff\xff\xffI-12\nL77L\nt."], [255, 65535, -2, -12, 77]],
  ["long integers", ["(\x8a\x00\x8a\x01\x80\x8a\x02\xff\x00\x8b\x01\x00\x00\x00\x05t."], [0, -128, 255, 5]],
  [
    "integers beyond numbers",
    ["(\x8a\x09", new Uint8Array(8), "\x01L-36893488147419103232\nt."],
    [2n ** 64n, -(2n ** 65n)],
  ],
  ["floats", ["(G\x3f\xf8\x00\x00\x00\x00\x00\x00F-2.5\nt."], [1.5, -2.5]],
  ["texts", ["(U\x02abT\x01\x00\x00\x00c\x8c\x02\xc3\xa9\x8d", uint(1, 8), "dt."], ["ab", "c", "é", "d"]],
  ["texts of protocol 0", ["(S'it\\'s\\x41\\n'\nVé\\u00e9\nt."], ["it'sA\n", "\ufffdé"]],
  [
    "bytes",
    ["(C\x01aB\x01\x00\x00\x00b\x8e", uint(1, 8), "c\x96", uint(1, 8), "dt."],
    ["a", "b", "c", "d"].map((letter) => concat(letter)),
  ],
  ["tuples", ["()K\x01\x85K\x01K\x02\x86K\x01K\x02K\x03\x87t."], [[], [1], [1, 2], [1, 2, 3]]],
  ["lists", ["](K\x01K\x02eK\x03a."], [1, 2, 3]],
  ["lists and dicts of protocol 0", ["(K\x01(K\x02K\x03dl."], [1, new Map([[2, 3]])]],
  [
    "dicts",
    ["}(K\x01K\x02K\x03K\x04uK\x05K\x06s."],
    new Map([
      [1, 2],
      [3, 4],
      [5, 6],
    ]),
  ],
  ["sets", ["\x8f(K\x01K\x02\x90(K\x03\x91\x86."], [new Set([1, 2]), new Set([3])]],
  [
    "memos",
    ["\x80\x04\x95", uint(9, 8), "(K\x05q\x07K\x06\x94K\x07p9\nh\x07j\x07\x00\x00\x00g9\nt."],
    [5, 6, 7, 5, 5, 7],
  ],
  ["values and marks that are dropped", ["K\x01K\x020(K\x031(0."], 1],
  ["a value twice", ["K\x012\x86."], [1, 1]],
])("reads %s", (_, pieces, expected) => {
  expect(read(...pieces)).toEqual(expected)
})

test("an ordered dict is a dict, and its attributes are dropped", () => {
  expect(read("ccollections\nOrderedDict\n)R(", text("a"), "K\x01u}", text("_metadata"), "K\x02sb.")).toEqual(
    new Map([["a", 1]]),
  )
})

test("a pickle ends at its last opcode, and another may follow", () => {
  expect(unpickle(concat("K\x01.K\x02."), torchHost, "x")).toEqual({ value: 1, end: 3 })
  expect(unpickle(concat("K\x01.K\x02."), torchHost, "x", 3)).toEqual({ value: 2, end: 6 })
})

test("every way to make a leftover gives an object that stays closed", () => {
  const namespace = new Opaque(new Global("argparse", "Namespace"))
  const state = concat("}", text("lr"), "K\x01sb.")
  for (const pieces of [
    ["cargparse\nNamespace\n)R", state],
    ["cargparse\nNamespace\n)\x81", state],
    ["cargparse\nNamespace\n)}\x92", state],
    ["(iargparse\nNamespace\n", state],
    ["(cargparse\nNamespace\no", state],
    [text("argparse"), text("Namespace"), "\x93)\x81", state],
    ["ccopy_reg\n_reconstructor\n(cargparse\nNamespace\nc__builtin__\nobject\nNtR", state],
  ]) {
    expect(read(...pieces)).toEqual(namespace)
  }
  expect(read("cyacs.config\nCfgNode\n)\x81(", text("a"), "K\x01uK\x02K\x03s.")).toBeInstanceOf(Opaque)
})

test("a class that is only mentioned is a name", () => {
  expect(read("csome.package\nActivation\n.")).toEqual(new Global("some.package", "Activation"))
})

const system = "cos\nsystem\n"

test.each<[string, Piece[], RegExp]>([
  ["os.system, called", [system, "(", text("true"), "tR."], /calls for os\.system/],
  ["os.system, not even called", [system, "."], /os\.system/],
  ["os.system by STACK_GLOBAL", [text("os"), text("system"), "\x93)R."], /os\.system/],
  ["posix.system by INST", ["(S'true'\niposix\nsystem\n."], /posix\.system/],
  ["nt.system by OBJ", ["(cnt\nsystem\no."], /nt\.system/],
  ["Python 2's eval", ["c__builtin__\neval\n(", text("1"), "tR."], /builtins\.eval/],
  ["getattr", ["cbuiltins\ngetattr\n(", "cargparse\nNamespace\n", text("x"), "tR."], /builtins\.getattr/],
  ["subprocess.Popen as NEWOBJ", ["csubprocess\nPopen\n)\x81."], /subprocess\.Popen/],
  ["subprocess.Popen as NEWOBJ_EX", ["csubprocess\nPopen\n)}\x92."], /subprocess\.Popen/],
  ["a class that nobody knows", ["csome.package\nConfig\n)\x81."], /some\.package\.Config.*nothing of it was run/],
  ["a class that nobody knows, given a state", ["csome.package\nConfig\n}b."], /some\.package\.Config/],
  [
    "a class that nobody knows, by copyreg",
    ["ccopy_reg\n_reconstructor\n(csome.package\nConfig\nNNtR."],
    /some\.package\.Config/,
  ],
  ["a name that an object would inherit", ["cconstructor\nprototype\n)R."], /constructor\.prototype/],
  ["torch.load's way back in", ["ctorch.storage\n_load_from_bytes\n(C\x00tR."], /torch\.storage\._load_from_bytes/],
  [
    "a tensor by a function that is none of torch",
    ["ctorch._tensor\n_rebuild_from_type_v2\n(csome\nf\nctorch\nTensor\n)NtR."],
    /some\.f/,
  ],
  [
    "a tensor of a class of its own",
    ["ctorch._tensor\n_rebuild_from_type_v2\n(ctorch\nSize\ncsome\nTensor\n)NtR."],
    /some\.Tensor/,
  ],
  [
    "os.system through a harmless package",
    [text("numpy.random"), text("os.system"), "\x93)R."],
    /numpy\.random\.os\.system/,
  ],
  ["a call of what is no global", ["K\x01)R."], /calls what is no global/],
  ["a call of what a call gave", ["cargparse\nNamespace\n)R)R."], /calls what is no global/],
  ["the extension registry", ["\x82\x01."], /byte 0 .* no opcode \(0x82\)/],
  ["a buffer outside of the pickle", ["\x97."], /no opcode \(0x97\)/],
  ["an unknown protocol", ["\x80\x06N."], /protocol 6/],
  ["an empty stack", ["."], /empty stack/],
  ["values beyond a mark", ["N(0N(\x85."], /empty stack/],
  ["no mark", ["Nt."], /no mark/],
  ["no memo", ["h\x01."], /no memo 1/],
  ["an item of a number", ["K\x01K\x02K\x03s."], /sets an item of what is no dict/],
  ["a number to append to", ["K\x01K\x02a."], /appends to what is no list/],
  ["a number to add to", ["K\x01(K\x02\x90."], /adds to what is no set/],
  ["a key without a value", ["}(K\x01u."], /key without a value/],
  ["a state for a number", ["K\x01Nb."], /state to no object/],
  ["a global without a text", ["K\x01K\x02\x93."], /name is no text/],
  ["an integer of many bytes", ["\x8b\x00\x10\x00\x00", new Uint8Array(4096), "."], /integer of 4096 bytes/],
  ["digits that are none", ["I1e9\n."], /a number that is none/],
  ["an endless line", ["cos"], /cut short/],
  ["a text of 4 GB", ["X\xff\xff\xff\xff."], /cut short/],
  ["bytes of 2^63", ["\x8e", uint(2n ** 63n, 8), "."], /cut short/],
  ["a storage that is none", ["K\x01Q."], /no storage/],
  ["a storage of no class", ["(", text("storage"), "K\x01K\x01K\x01K\x01tQ."], /no storage/],
  [
    "a storage of an unknown class",
    ["(", text("storage"), "ctorch\nOddStorage\n", text("0"), text("cpu"), "K\x01tQ."],
    /torch\.OddStorage/,
  ],
])("refuses %s", (_, pieces, message) => {
  expect(() => read(...pieces)).toThrow(InputError)
  expect(() => read(...pieces)).toThrow(message)
  expect(() => read(...pieces)).toThrow(/^cannot read x\.pth: /)
})

test("more opcodes or objects than any checkpoint has are refused", () => {
  expect(() => read("N".repeat(4_000_001))).toThrow("its pickle has more than 4000000 opcodes")
  expect(() => read("}".repeat(1_000_001))).toThrow("its pickle has more than 1000000 objects")
})

test.each(["builtins\nlist", "__builtin__\ntuple", "builtins\nset", "builtins\nfrozenset"])(
  "a list that is copied by call after call is counted by its elements: %s",
  (name) => {
    // 1,000 elements that 2,000 calls copy.
    const list = `](${"K\x01".repeat(1000)}eq\x000`
    const calls = (count: number) => `${list}c${name}\nq\x010]q\x02(${"h\x01h\x00\x85R".repeat(count)}e.`
    expect(read(calls(900))).toHaveLength(900)
    expect(() => read(calls(2000))).toThrow("its pickle has more than 1000000 objects")
  },
)

test.each(["builtins\ndict", "collections\nOrderedDict"])(
  "a dict that is copied by call after call is counted by its entries: %s",
  (name) => {
    const dict = `}(${Array.from({ length: 200 }, (_, i) => `K${String.fromCharCode(i)}N`).join("")}uq\x000`
    const calls = `${dict}c${name}\nq\x010](${"h\x01h\x00\x85R".repeat(6000)}e.`
    expect(() => read(calls)).toThrow("its pickle has more than 1000000 objects")
  },
)

test("a call within a call makes tensors only", () => {
  const within = "ctorch._tensor\n_rebuild_from_type_v2\n(cbuiltins\nlist\nctorch\nTensor\n(](NNNetNtR."
  expect(() => read(within)).toThrow("its pickle calls for builtins.list, which tensors do not need")
  // Its own arguments, over and over.
  const endless = "]q\x00(ctorch._tensor\n_rebuild_from_type_v2\nq\x01ctorch\nTensor\nh\x00e0h\x01h\x00R."
  expect(() => read(endless)).toThrow("its pickle calls for torch._tensor._rebuild_from_type_v2")
})

test("a pickle that is cut short says so to who may have more of it", () => {
  const pickle = concat(
    "\x80\x02}(",
    text("key"),
    "G\x3f\xf8\x00\x00\x00\x00\x00\x00cargparse\nNamespace\nq\x01L12L\nu.",
  )
  for (let size = 0; size < pickle.length; size++) {
    const cut = () => unpickle(pickle.subarray(0, size), torchHost, "x")
    expect(cut).toThrow(expect.objectContaining({ cause: expect.any(PickleEndsEarly) }))
  }
})
