/** Published weights of EfficientNet and MobileNet V2; index.ts says where the facts are from. */

import { half, type WeightsTable } from "./table.ts"

// biome-ignore format: a table has one line for each weight
export const efficientnetWeights: WeightsTable = {
  "efficientnet_b0.ra_in1k": { accuracy: { 224: [77.696, 93.540] } },
  "efficientnet_b0.ra4_e3600_r224_in1k": { ...half, cropPct: 0.9, test: { inputSize: 256, cropPct: 1 }, accuracy: { 224: [78.572, 94.338], 256: [79.370, 94.752] } },
  "efficientnet_b1.ra4_e3600_r240_in1k": { ...half, inputSize: 240, cropPct: 0.9, test: { inputSize: 288, cropPct: 1 }, accuracy: { 240: [80.404, 95.148], 288: [81.434, 95.696] } },
  "efficientnet_b1.ft_in1k": { test: { inputSize: 256, cropPct: 1 }, accuracy: { 224: [77.594, 93.630], 256: [78.798, 94.342] } },
  "efficientnet_b2.ra_in1k": { inputSize: 256, test: { inputSize: 288, cropPct: 1 }, accuracy: { 256: [79.340, 94.576], 288: [80.610, 95.318] } },
  "efficientnet_b3.ra2_in1k": { inputSize: 288, test: { inputSize: 320, cropPct: 1 }, accuracy: { 288: [81.474, 95.712], 320: [82.298, 96.128] } },
  "efficientnet_b4.ra2_in1k": { inputSize: 320, test: { inputSize: 384, cropPct: 1 }, accuracy: { 320: [82.654, 96.136], 384: [83.474, 96.584] } },
  "efficientnet_b5.sw_in12k_ft_in1k": { inputSize: 448, cropPct: 1, cropMode: "squash", accuracy: { 448: [85.892, 97.742] } },
  "efficientnet_b5.sw_in12k": { numClasses: 11821, inputSize: 416, cropPct: 0.95 },
  "mobilenetv2_050.lamb_in1k": { accuracy: { 224: [65.930, 86.102] } },
  "mobilenetv2_100.ra_in1k": { accuracy: { 224: [72.936, 91.002] } },
  "mobilenetv2_110d.ra_in1k": { accuracy: { 224: [75.054, 92.186] } },
  "mobilenetv2_120d.ra_in1k": { accuracy: { 224: [77.298, 93.516] } },
  "mobilenetv2_140.ra_in1k": { accuracy: { 224: [76.528, 93.008] } },
}
