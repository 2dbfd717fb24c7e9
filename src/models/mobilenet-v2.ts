/**
 * MobileNetV2: Sandler et al. 2018, "MobileNetV2: Inverted Residuals and Linear Bottlenecks" (arXiv 1801.04381),
 * table 2. The network is that of EfficientNet, which came out of it, with ReLU6 and without squeeze and excitation.
 *
 * Names of parameters as in timm (timm/models/efficientnet.py).
 */

import { relu6 } from "../tensor/ops/index.ts"
import {
  checkMultiplier,
  type EfficientNetConfig,
  InvertedResidualNet,
  type InvertedResidualStage,
  scaleChannels,
  scaleDepth,
} from "./efficientnet.ts"
import { check, checkRate, type ModelFamily } from "./family.ts"

export interface MobileNetV2Config extends EfficientNetConfig {
  /** Leaves the stem's and the last convolution's channels and the first and last stage's blocks as they are. */
  fixStemHead: boolean
}

/** Table 2. */
const stages: readonly InvertedResidualStage[] = [
  { kernelSize: 3, stride: 1, expansion: 1, channels: 16, depth: 1 },
  { kernelSize: 3, stride: 2, expansion: 6, channels: 24, depth: 2 },
  { kernelSize: 3, stride: 2, expansion: 6, channels: 32, depth: 3 },
  { kernelSize: 3, stride: 2, expansion: 6, channels: 64, depth: 4 },
  { kernelSize: 3, stride: 1, expansion: 6, channels: 96, depth: 3 },
  { kernelSize: 3, stride: 2, expansion: 6, channels: 160, depth: 3 },
  { kernelSize: 3, stride: 1, expansion: 6, channels: 320, depth: 1 },
]

/** Channels of the stem and of the last convolution. */
const STEM = 32
const HEAD = 1280

export const mobilenetV2: ModelFamily<MobileNetV2Config> = {
  name: "mobilenetv2",
  defaults: {
    channelMultiplier: 1,
    depthMultiplier: 1,
    fixStemHead: false,
    dropRate: 0,
    dropPathRate: 0,
    inChannels: 3,
    numClasses: 1000,
  },
  models: {
    mobilenetv2_035: { config: { channelMultiplier: 0.35 } },
    mobilenetv2_050: { config: { channelMultiplier: 0.5 } },
    mobilenetv2_075: { config: { channelMultiplier: 0.75 } },
    mobilenetv2_100: { config: { channelMultiplier: 1 } },
    mobilenetv2_110d: { config: { channelMultiplier: 1.1, depthMultiplier: 1.2, fixStemHead: true } },
    mobilenetv2_120d: { config: { channelMultiplier: 1.2, depthMultiplier: 1.4, fixStemHead: true } },
    mobilenetv2_140: { config: { channelMultiplier: 1.4 } },
  },
  validate({ channelMultiplier, depthMultiplier, fixStemHead, dropRate }) {
    checkMultiplier("channelMultiplier", channelMultiplier)
    checkMultiplier("depthMultiplier", depthMultiplier)
    check(typeof fixStemHead === "boolean", `fixStemHead must be true or false, got ${fixStemHead}`)
    checkRate("dropRate", dropRate)
  },
  build({ channelMultiplier, depthMultiplier, fixStemHead, ...config }) {
    const isEnd = (stage: number) => stage === 0 || stage === stages.length - 1
    return new InvertedResidualNet({
      ...config,
      stages: stages.map((stage, i) => ({
        ...stage,
        channels: scaleChannels(stage.channels, channelMultiplier),
        depth: fixStemHead && isEnd(i) ? stage.depth : scaleDepth(stage.depth, depthMultiplier),
      })),
      stemChannels: fixStemHead ? STEM : scaleChannels(STEM, channelMultiplier),
      headChannels: fixStemHead ? HEAD : Math.max(HEAD, scaleChannels(HEAD, channelMultiplier)),
      activation: relu6,
      squeezeExcite: false,
    })
  },
  // Padding keeps a position of the smallest image through all strides.
  minimumSize: () => 1,
}
