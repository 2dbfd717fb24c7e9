/**
 * The names that a checkpoint's pickle may use, and what is made of them. There are three kinds: those that tensors
 * need, which are rebuilt here; those that are known as leftovers of training, whose objects are dropped; and all others,
 * which may be mentioned but not called. Nothing of Python is ever run, so this is not what keeps the reader safe: it is
 * how a file that wants more than tensors is told from one that does not.
 */
import { Global, MalformedPickle, Opaque, type PickleHost } from "./pickle-host.ts"
import { count, counts, elementSizes, PickledStorage, PickledTensor, storageTypes } from "./tensors.ts"

type Rebuild = (args: readonly unknown[]) => unknown

/** What tensors and state dicts are made of, by the path of what Python would call. */
const rebuilders = new Map<string, Rebuild>(
  Object.entries<Rebuild>({
    "torch._utils._rebuild_tensor": ([storage, offset, shape, strides]) => tensor(storage, offset, shape, strides),
    "torch._utils._rebuild_tensor_v2": ([storage, offset, shape, strides, , , metadata]) => {
      refuseLazyBits(metadata)
      return tensor(storage, offset, shape, strides)
    },
    "torch._utils._rebuild_tensor_v3": ([storage, offset, shape, strides, , , dtype, metadata]) => {
      refuseLazyBits(metadata)
      return tensor(storage, offset, shape, strides, dtypeOf(dtype))
    },
    "torch._utils._rebuild_parameter": ([data]) => data,
    "torch._utils._rebuild_parameter_with_state": ([data]) => data,
    "torch.nn.parameter.Parameter": ([data]) => data,
    "torch.nn.parameter.Buffer": ([data]) => data,
    "torch._tensor._rebuild_from_type_v2": ([rebuild, type, args]) => rebuildFromType(rebuild, type, args),
    "torch.Size": ([items]) => items,
    "collections.OrderedDict": ([items]) => mapOf(items),
    "collections.defaultdict": ([, items]) => mapOf(items),
    "builtins.dict": ([items]) => mapOf(items),
    "builtins.list": ([items]) => (Array.isArray(items) ? [...items] : []),
    "builtins.tuple": ([items]) => (Array.isArray(items) ? [...items] : []),
    "builtins.set": ([items]) => new Set(Array.isArray(items) ? items : []),
    "builtins.frozenset": ([items]) => new Set(Array.isArray(items) ? items : []),
    // What protocols 0 and 1 make objects with: the class is what counts.
    "copyreg._reconstructor": ([type]) => leftover(type),
    "copyreg.__newobj__": ([type]) => leftover(type),
  }),
)

/** Tensors of other kinds, by what would rebuild them. */
const otherTensors = new Map(
  Object.entries({
    "torch._utils._rebuild_qtensor": "quantized",
    "torch._utils._rebuild_sparse_tensor": "sparse",
    "torch._utils._rebuild_sparse_csr_tensor": "sparse",
    "torch._utils._rebuild_nested_tensor": "nested",
    "torch._utils._rebuild_meta_tensor_no_storage": "meta",
    "torch._utils._rebuild_wrapper_subclass": "of a class of its own",
    "torch._utils._rebuild_device_tensor_from_numpy": "of a device of its own",
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": "of a device of its own",
  }),
)

/** Leftovers of training: plain values that programs keep beside their weights. Names of modules, then of what is in them. */
const leftovers: Record<string, string> = {
  argparse: "Namespace",
  types: "SimpleNamespace",
  collections: "Counter deque",
  datetime: "date datetime time timedelta timezone",
  pathlib: "Path PosixPath PurePath PurePosixPath PureWindowsPath WindowsPath",
  "pathlib._local": "Path PosixPath PurePath PurePosixPath PureWindowsPath WindowsPath",
  decimal: "Decimal",
  fractions: "Fraction",
  uuid: "UUID",
  builtins: "bool bytearray bytes complex float int object range slice str",
  _codecs: "encode",
  numpy: "dtype ndarray",
  "numpy.core.multiarray": "_reconstruct scalar",
  "numpy._core.multiarray": "_reconstruct scalar",
  "numpy.core.numeric": "_frombuffer",
  "numpy._core.numeric": "_frombuffer",
  torch: "device Generator",
  "torch.serialization": "_get_layout",
  "torch.torch_version": "TorchVersion",
  "torchvision.transforms.functional": "InterpolationMode",
  "PIL.Image": "Resampling",
  "yacs.config": "CfgNode",
  easydict: "EasyDict",
  addict: "Dict",
  "addict.addict": "Dict",
  munch: "Munch",
  "mmcv.utils.config": "Config ConfigDict",
  "mmengine.config.config": "Config ConfigDict",
  "mmengine.logging.history_buffer": "HistoryBuffer",
  "pytorch_lightning.utilities.parsing": "AttributeDict",
  "lightning_fabric.utilities.data": "AttributeDict",
  "lightning.fabric.utilities.data": "AttributeDict",
  "ml_collections.config_dict.config_dict": "ConfigDict FrozenConfigDict FieldReference",
}

/** Packages of which every class is a leftover: configurations, the states of generators, optimizers and schedules. */
const leftoverPackages = ["omegaconf", "numpy.random", "numpy.dtypes", "torch.optim", "torch.amp", "torch.cuda.amp"]

const leftoverPaths = new Set(
  Object.entries(leftovers).flatMap(([module, names]) => names.split(" ").map((name) => `${module}.${name}`)),
)

/** Modules that reach the system or run code: a file that as much as mentions them is refused. */
const hostileModules = new Set(
  (
    "os posix nt ntpath posixpath subprocess sys shutil socket importlib runpy ctypes pty code codeop commands popen2 " +
    "platform webbrowser pickle _pickle cPickle marshal multiprocessing asyncio threading signal imp pip operator " +
    "functools timeit pdb bdb cProfile profile trace tempfile urllib http requests httplib smtplib ftplib builtins"
  ).split(" "),
)

/** Python 2's names of modules, which pickles up to protocol 2 have. */
const renamedModules = new Map([
  ["__builtin__", "builtins"],
  ["copy_reg", "copyreg"],
])

/** The host for pickles that `torch.save` wrote. */
export const torchHost: PickleHost = {
  find(module, name) {
    const global = new Global(renamedModules.get(module) ?? module, name)
    const isKnown = rebuilders.has(global.path) || isLeftover(global)
    if (!isKnown && hostileModules.has(global.module.split(".")[0]!)) throw refusal(global)
    return global
  },
  call(callee, args) {
    const rebuild = rebuilders.get(callee.path)
    return rebuild === undefined ? leftover(callee) : rebuild(args)
  },
  persistent: rebuildStorage,
}

function isLeftover({ path, module, name }: Global): boolean {
  if (leftoverPaths.has(path)) return true
  if (name.includes(".")) return false // reaches through a module to what that has imported
  return leftoverPackages.some((known) => module === known || module.startsWith(`${known}.`))
}

/** What is left of an object that is dropped. Throws a MalformedPickle unless its class is known as harmless. */
function leftover(type: unknown): Opaque {
  if (!(type instanceof Global)) throw new MalformedPickle("its pickle makes an object of what is no class")
  const kind = otherTensors.get(type.path)
  if (kind !== undefined)
    throw new MalformedPickle(`it has a tensor that is ${kind} (${type.path}), which is not supported`)
  if (!isLeftover(type)) throw refusal(type)
  return new Opaque(type)
}

function refusal({ path }: Global): MalformedPickle {
  return new MalformedPickle(
    `its pickle calls for ${path}, which tensors do not need; nothing of it was run. If you trust the file, save its ` +
      `weights alone in Python: torch.save(model.state_dict(), PATH)`,
  )
}

/** A dict of pairs, where a class was called with some. */
function mapOf(items: unknown): Map<unknown, unknown> {
  const pairs = items instanceof Map ? [...items] : Array.isArray(items) ? items : []
  if (pairs.some((pair) => !Array.isArray(pair) || pair.length !== 2)) {
    throw new MalformedPickle("its pickle makes a dict of what are no pairs")
  }
  return new Map(pairs as [unknown, unknown][])
}

function tensor(storage: unknown, offset: unknown, shape: unknown, strides: unknown, dtype?: string): PickledTensor {
  if (!(storage instanceof PickledStorage)) throw new MalformedPickle("its pickle has a tensor without a storage")
  const sizes = counts(shape, "shape")
  const steps = counts(strides, "stride")
  if (sizes.length !== steps.length) {
    throw new MalformedPickle(`its pickle has a tensor of ${sizes.length} dimensions with ${steps.length} strides`)
  }
  return new PickledTensor(storage, dtype ?? storage.dtype, count(offset, "storage offset"), sizes, steps)
}

/** A conjugated or negated view has its values changed when they are read. */
function refuseLazyBits(metadata: unknown): void {
  if (metadata instanceof Map && (metadata.get("neg") === true || metadata.get("conj") === true)) {
    throw new MalformedPickle(
      "it has a negated or conjugated view, which is not supported; resolve_neg() makes it plain",
    )
  }
}

function dtypeOf(value: unknown): string {
  const isKnown = value instanceof Global && value.module === "torch" && Object.hasOwn(elementSizes, value.name)
  if (!isKnown) {
    throw new MalformedPickle(`its pickle has a tensor of type ${value instanceof Global ? value.path : typeof value}`)
  }
  return value.name
}

/** A tensor with attributes: a function, the class, the function's arguments. */
function rebuildFromType(rebuild: unknown, type: unknown, args: unknown): unknown {
  const plain = ["torch.Tensor", "torch._tensor.Tensor", "torch.nn.parameter.Parameter", "torch.nn.parameter.Buffer"]
  if (!(type instanceof Global) || !(rebuild instanceof Global) || !Array.isArray(args)) {
    throw new MalformedPickle("its pickle has a tensor of an unknown class")
  }
  if (!plain.includes(type.path)) throw refusal(type)
  // No other call within a call: the machine counts what the outer one is given.
  if (!rebuild.path.startsWith("torch._utils._rebuild_tensor")) return leftover(rebuild)
  return torchHost.call(rebuild, args)
}

/**
 * `("storage", class, key, location, elements)`; in the legacy format, whose storages may be views of others, also
 * `(key of the view, offset, elements)` or None. Whole modules of that time come with their source, which is dropped.
 */
function rebuildStorage(id: unknown): unknown {
  const [kind, type, key, , size, view] = Array.isArray(id) ? id : []
  if (kind === "module" && type instanceof Global) return type
  if (kind !== "storage" || !(type instanceof Global) || !["string", "number", "bigint"].includes(typeof key)) {
    throw new MalformedPickle("its pickle refers to something outside of it that is no storage")
  }
  const isTorch = ["torch", "torch.storage", "torch.cuda"].includes(type.module)
  const dtype = isTorch && Object.hasOwn(storageTypes, type.name) ? storageTypes[type.name] : undefined
  if (dtype === undefined) throw new MalformedPickle(`its pickle has a storage of the unknown class ${type.path}`)
  const elements = count(size, "storage size")
  if (!Array.isArray(view)) return new PickledStorage(String(key), dtype, 0, elements)
  const viewOffset = count(view[1], "storage offset")
  const viewSize = count(view[2], "storage size")
  if (viewOffset + viewSize > elements) throw new MalformedPickle("its pickle has a view that leaves its storage")
  return new PickledStorage(String(key), dtype, viewOffset, viewSize)
}
