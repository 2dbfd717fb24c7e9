/** A word to the garbage collector, where it cannot see how much there is to gain. */

import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

type Collect = (options: { type: "minor" }) => void

let collect: Collect | undefined

/**
 * Frees short-lived objects now. ONNX Runtime copies every output, also those that fill an array which was given: of a
 * training step these are copies of all gradients. To the collector they are a few small objects, so that they pile up.
 * Takes about a millisecond.
 */
export function collectShortLived(): void {
  if (!collect) {
    setFlagsFromString("--expose-gc")
    collect = runInNewContext("gc") as Collect
  }
  collect({ type: "minor" })
}
