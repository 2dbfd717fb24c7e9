/** A word to the garbage collector, and to the allocator, where they cannot see how much there is to gain. */

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
  keepHeap()
  collect({ type: "minor" })
}

/** Page faults between two collections from which on freed memory is thought to have left the process. */
const MANY_FAULTS = 4096
const PIN_BYTES = 1 << 20
const MOST_PINS = 8

const pins: ArrayBuffer[] = []
let faults = 0

/**
 * glibc returns what is free at the top of its heap to the system, so that the copies of the next step fault in each of
 * their pages anew: about 40 ms for 130 MB. Blocks above them, which are never touched and so take no memory, keep them
 * where they are. The copies must be alive when it is called.
 */
function keepHeap(): void {
  const { minorPageFault } = process.resourceUsage()
  if (minorPageFault - faults > MANY_FAULTS && pins.length < MOST_PINS) pins.push(new ArrayBuffer(PIN_BYTES))
  faults = minorPageFault
}
