/** Published weights of Swin Transformer; index.ts says where the facts are from. */

import type { WeightsTable } from "./table.ts"

// biome-ignore format: a table has one line for each weight
export const swinWeights: WeightsTable = {
  "swin_tiny_patch4_window7_224.ms_in1k": { license: "mit", cropPct: 0.9, accuracy: { 224: [81.388, 95.540] } },
  "swin_tiny_patch4_window7_224.ms_in22k_ft_in1k": { license: "mit", cropPct: 0.9, accuracy: { 224: [80.966, 96.020] } },
  "swin_tiny_patch4_window7_224.ms_in22k": { license: "mit", numClasses: 21841, cropPct: 0.9 },
  "swin_small_patch4_window7_224.ms_in22k_ft_in1k": { license: "mit", cropPct: 0.9, accuracy: { 224: [83.330, 96.996] } },
  "swin_small_patch4_window7_224.ms_in1k": { license: "mit", cropPct: 0.9, accuracy: { 224: [83.228, 96.326] } },
  "swin_small_patch4_window7_224.ms_in22k": { license: "mit", numClasses: 21841, cropPct: 0.9 },
  "swin_base_patch4_window7_224.ms_in22k_ft_in1k": { license: "mit", cropPct: 0.9, accuracy: { 224: [85.270, 97.568] } },
  "swin_base_patch4_window7_224.ms_in1k": { license: "mit", cropPct: 0.9, accuracy: { 224: [83.610, 96.450] } },
  "swin_base_patch4_window7_224.ms_in22k": { license: "mit", numClasses: 21841, cropPct: 0.9 },
  "swin_base_patch4_window12_384.ms_in22k_ft_in1k": { license: "mit", inputSize: 384, cropPct: 1, accuracy: { 384: [86.438, 98.068] } },
  "swin_base_patch4_window12_384.ms_in1k": { license: "mit", inputSize: 384, cropPct: 1, accuracy: { 384: [84.476, 96.886] } },
  "swin_base_patch4_window12_384.ms_in22k": { license: "mit", numClasses: 21841, inputSize: 384, cropPct: 1 },
  "swin_large_patch4_window7_224.ms_in22k_ft_in1k": { license: "mit", cropPct: 0.9, accuracy: { 224: [86.330, 97.882] } },
  "swin_large_patch4_window7_224.ms_in22k": { license: "mit", numClasses: 21841, cropPct: 0.9 },
  "swin_large_patch4_window12_384.ms_in22k_ft_in1k": { license: "mit", inputSize: 384, cropPct: 1, accuracy: { 384: [87.138, 98.230] } },
  "swin_large_patch4_window12_384.ms_in22k": { license: "mit", numClasses: 21841, inputSize: 384, cropPct: 1 },
}
