/** What a model can be exported to: names and files, without what writes them, so that a command line knows them at once. */

interface TargetFiles {
  /** What it is, for people. */
  label: string
  /** What follows the model's name in the path of an export for which none is given. */
  ending: string
  /** Endings that a path may have; none for a folder. */
  suffixes: readonly string[]
}

const torchSuffixes = [".pth", ".pt", ".bin", ".safetensors"]

export const targetFiles = {
  onnx: { label: "ONNX", ending: ".onnx", suffixes: [".onnx"] },
  safetensors: { label: "a checkpoint by timm's names", ending: ".safetensors", suffixes: [".safetensors"] },
  torchvision: { label: "a state dict of torchvision", ending: "-torchvision.pth", suffixes: torchSuffixes },
  huggingface: { label: "a folder of transformers", ending: "-huggingface", suffixes: [] },
  facebook: { label: "a checkpoint of facebookresearch", ending: "-facebook.pth", suffixes: torchSuffixes },
} as const satisfies Record<string, TargetFiles>

/** Where a model can be exported to. */
export type ExportTarget = keyof typeof targetFiles

export const exportTargets = Object.keys(targetFiles) as ExportTarget[]

/** The ending of a path that only other targets have, if it has one. */
export function foreignSuffix(path: string, to: ExportTarget): string | undefined {
  const ends = (suffix: string) => path.toLowerCase().endsWith(suffix)
  const { suffixes }: TargetFiles = targetFiles[to]
  if (suffixes.some(ends)) return undefined
  return exportTargets.flatMap((target): readonly string[] => targetFiles[target].suffixes).find(ends)
}
