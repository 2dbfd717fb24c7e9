/**
 * `convnext/data`: images and what is done to them, on any platform. In Node the entry point is node/index.ts, which
 * adds files, folders and the loader.
 */

export { Random } from "../tensor/random.ts"
export {
  drawResizedCrop,
  flipHorizontally,
  type RandomResizedCropOptions,
  randomFlip,
  randomResizedCrop,
  randomShift,
} from "./augment/index.ts"
export {
  type CropMode,
  type DataConfig,
  imagenetMean,
  imagenetStd,
  type ResolvedDataConfig,
  resolveDataConfig,
} from "./config.ts"
export {
  countByClass,
  type DataSplits,
  type Dataset,
  type EvalData,
  type FileDataset,
  type ImageStack,
  type MemoryDataset,
  memoryDataset,
  subset,
} from "./dataset.ts"
export { createImage, crop, type Image, type Padding, pad, type Region, toChannels, toGray, toRgb } from "./image.ts"
export { type Filter, filterNames, type ResizeOptions, resize } from "./resample.ts"
export { countBatches, epochOrder, type LoaderMode } from "./sampler.ts"
export { stratifiedSplit } from "./split.ts"
export { type Augmentation, evalTransform, type TrainTransform, trainTransform } from "./transform.ts"
