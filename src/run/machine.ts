/** Which version of this package computes, on which machine. */

import { availableParallelism, cpus } from "node:os"
import { packageVersion } from "./version.ts"

export interface MachineRecord {
  version: string
  machine: string
}

export const currentMachine = (): MachineRecord => ({
  version: packageVersion(),
  machine: `${cpus()[0]?.model.trim() ?? process.arch}, ${availableParallelism()} cores, Node ${process.versions.node}`,
})

/** Of several runs all that they name, each once; those of this process where none does. */
export function joinMachines(runs: readonly Partial<MachineRecord>[]): MachineRecord {
  const here = currentMachine()
  const join = (name: keyof MachineRecord) => {
    const known = runs.flatMap((run) => run[name] ?? [])
    return known.length > 0 ? [...new Set(known)].join("; ") : here[name]
  }
  return { version: join("version"), machine: join("machine") }
}
