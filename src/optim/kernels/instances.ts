/** Kernels over a memory, each made once. */

/** @param bytes the module, in base64 */
export function kernelOf<Exports>(bytes: string): (memory: WebAssembly.Memory) => Exports {
  const instances = new WeakMap<WebAssembly.Memory, Exports>()
  let module: WebAssembly.Module | undefined
  return (memory) => {
    const known = instances.get(memory)
    if (known) return known
    module ??= new WebAssembly.Module(Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0)))
    const made = new WebAssembly.Instance(module, { kernels: { memory } }).exports as Exports
    instances.set(memory, made)
    return made
  }
}
