/** `convnext/data` in Node: all of data/index.ts, and what needs files and threads. */

export * from "../index.ts"
export { type DecodeOptions, decodeImage, pixelLimit } from "./decode.ts"
export { encodePng } from "./encode.ts"
export type { PartName } from "./folder.ts"
export {
  type Batch,
  createLoader,
  type EpochOptions,
  type Loader,
  type LoaderOptions,
  type SkippedImage,
} from "./loader.ts"
export { embeddedExamples, embeddedFolder, type OpenOptions, openDataset, openEmbedded, openForEval } from "./open.ts"
