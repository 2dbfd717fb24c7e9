/** Published weights of RegNetY; index.ts says where the facts are from. */

import type { WeightsTable } from "./table.ts"

// biome-ignore format: a table has one line for each weight
export const regnetWeights: WeightsTable = {
  "regnety_016.tv2_in1k": { license: "bsd-3-clause", cropPct: 0.965, accuracy: { 224: [80.696, 95.340] } },
  "regnety_016.pycls_in1k": { license: "mit", accuracy: { 224: [77.908, 93.724] } },
  "regnety_040.ra3_in1k": { cropPct: 0.95, test: { inputSize: 288, cropPct: 1 }, accuracy: { 224: [82.316, 96.076], 288: [83.058, 96.498] } },
  "regnety_040.pycls_in1k": { license: "mit", accuracy: { 224: [79.236, 94.664] } },
  "regnety_080.ra3_in1k": { cropPct: 0.95, test: { inputSize: 288, cropPct: 1 }, accuracy: { 224: [83.162, 96.478], 288: [83.940, 96.880] } },
  "regnety_080.pycls_in1k": { license: "mit", accuracy: { 224: [79.882, 94.836] } },
  "regnety_160.sw_in12k_ft_in1k": { cropPct: 0.95, test: { inputSize: 288, cropPct: 1 }, accuracy: { 224: [85.594, 97.668], 288: [86.032, 97.830] } },
  "regnety_160.lion_in12k_ft_in1k": { cropPct: 0.95, test: { inputSize: 288, cropPct: 1 }, accuracy: { 224: [85.602, 97.668], 288: [86.010, 97.846] } },
  "regnety_160.sw_in12k": { numClasses: 11821, cropPct: 0.95, test: { inputSize: 288, cropPct: 1 } },
  "regnety_160.deit_in1k": { cropPct: 0.95, test: { inputSize: 288, cropPct: 1 }, accuracy: { 224: [82.994, 96.500], 288: [83.700, 96.786] } },
  "regnety_160.tv2_in1k": { license: "bsd-3-clause", cropPct: 0.965, accuracy: { 224: [82.646, 96.230] } },
  "regnety_160.swag_ft_in1k": { license: "cc-by-nc-4.0", inputSize: 384, cropPct: 1, accuracy: { 384: [86.018, 98.050] } },
  "regnety_160.swag_lc_in1k": { license: "cc-by-nc-4.0", cropPct: 0.965, accuracy: { 224: [83.808, 97.284] } },
  "regnety_160.pycls_in1k": { license: "mit", accuracy: { 224: [80.284, 94.982] } },
}
