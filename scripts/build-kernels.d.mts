/** Text of the modules that hold the bytes of the kernels, by file name. */
export function assembleKernels(): Promise<Record<string, string>>
