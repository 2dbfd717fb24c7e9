/**
 * Augmentations, one per file: functions `(image, random, ...parameters) => Image` that leave their input as it is and
 * say which numbers they draw, in which order.
 */

export { flipHorizontally, randomFlip } from "./random-flip.ts"
export { drawResizedCrop, type RandomResizedCropOptions, randomResizedCrop } from "./random-resized-crop.ts"
export { randomShift } from "./random-shift.ts"
