/** Which of the things in a PyTorch file are the weights. */
import { quote, unreadable } from "../unreadable.ts"
import { PickledTensor } from "./tensors.ts"

/**
 * Keys that training programs keep a state dict under, the first that is there wins. Moving averages come before raw
 * weights: published results are theirs. The order of the common ones is timm's (`load_state_dict`, timm/models/_helpers.py).
 */
const wrapperKeys = [
  "state_dict_ema",
  "model_ema",
  "ema_state_dict",
  "model_ema_state_dict",
  "params_ema",
  "ema",
  "state_dict",
  "model_state_dict",
  "model",
  "module",
  "params",
  "net",
  "network",
  "weights",
]

/** Wrappers may lie in one another; deeper than this nobody packs weights. */
const maxDepth = 10

/** Prefixes that DataParallel and `torch.compile` put before every name. */
const wrapperPrefix = /^((module|_orig_mod)\.)+/

/**
 * The tensors of the state dict in a saved object, by their names without the prefixes of wrappers. What is no tensor is
 * dropped. Throws an InputError if there is no state dict, several that none of the known keys tells apart, or two tensors
 * of one name.
 */
export function findStateDict(root: unknown, source: string): Map<string, PickledTensor> {
  if (!(root instanceof Map)) throw unreadable(source, `it holds ${describe(root)}, not a state dict`)
  const dict = search(root, source, new Set())
  if (dict === undefined) {
    throw unreadable(source, `it holds no state dict; its keys are ${listKeys(root)}`)
  }
  const tensors = new Map<string, PickledTensor>()
  for (const [key, value] of dict) {
    if (typeof key !== "string" || !(value instanceof PickledTensor)) continue
    const name = key.replace(wrapperPrefix, "")
    if (tensors.has(name))
      throw unreadable(source, `it has tensor ${quote(name)} twice, with and without a wrapper's prefix`)
    tensors.set(name, value)
  }
  return tensors
}

type Dict = Map<unknown, unknown>

/**
 * A known wrapper, else the dict itself if it has tensors, else the only entry that has some.
 * @param seen dicts that were searched before: a dict may hold itself
 */
function search(dict: Dict, source: string, seen: Set<Dict>, depth = 0): Dict | undefined {
  if (seen.has(dict) || depth > maxDepth) return undefined
  seen.add(dict)
  const inside = (value: unknown) => (value instanceof Map ? search(value, source, seen, depth + 1) : undefined)
  for (const key of wrapperKeys) {
    const found = inside(dict.get(key))
    if (found !== undefined) return found
  }
  if (hasTensors(dict)) return dict
  const named = [...dict].filter(([key]) => typeof key === "string" && !/optim|sched|scaler/i.test(key))
  const candidates = named.filter(([, value]) => value instanceof Map && hasTensors(value))
  if (candidates.length > 1) {
    throw unreadable(source, `it holds several state dicts, none under a common key: ${listKeys(new Map(candidates))}`)
  }
  return candidates[0]?.[1] as Dict | undefined
}

function hasTensors(dict: Dict): boolean {
  for (const [key, value] of dict) if (typeof key === "string" && value instanceof PickledTensor) return true
  return false
}

function listKeys(dict: Dict): string {
  const keys = [...dict.keys()].map((key) => (typeof key === "string" ? quote(key) : typeof key))
  return keys.length === 0 ? "none" : keys.slice(0, 10).join(", ") + (keys.length > 10 ? ", ..." : "")
}

function describe(value: unknown): string {
  if (value instanceof PickledTensor) return "a single tensor"
  if (Array.isArray(value)) return "a list"
  return typeof value === "object" ? "an object" : `a ${typeof value}`
}
