/**
 * DeiT, vision transformers for ImageNet-1k alone: Touvron et al. 2021, "Training data-efficient image transformers &
 * distillation through attention" (arXiv 2012.12877), table 1; and DeiT III, with layer scale: Touvron et al. 2022, "DeiT
 * III: Revenge of the ViT" (arXiv 2204.07118). The networks are those of vit.ts.
 *
 * Names as in timm (timm/models/deit.py).
 */

import type { ModelFamily, Preprocessing } from "./family.ts"
import { type VisionTransformerConfig, vit } from "./vit.ts"

const tiny = { embedDim: 192, numHeads: 3 }
const small = { embedDim: 384, numHeads: 6 }
const medium = { embedDim: 512, numHeads: 8 }
const base = { embedDim: 768, numHeads: 12 }
const large = { embedDim: 1024, numHeads: 16, depth: 24 }

const distilled = { distilled: true }
const deit3 = { initValues: 1e-6, noEmbedClass: true }

const at224 = { inputSize: 224, cropPct: 0.9 }
const at384 = { inputSize: 384, cropPct: 1 }

const models: Record<string, { config: Partial<VisionTransformerConfig>; preprocessing: Partial<Preprocessing> }> = {
  deit_tiny_patch16_224: { config: tiny, preprocessing: at224 },
  deit_small_patch16_224: { config: small, preprocessing: at224 },
  deit_base_patch16_224: { config: base, preprocessing: at224 },
  deit_base_patch16_384: { config: base, preprocessing: at384 },
  deit_tiny_distilled_patch16_224: { config: { ...tiny, ...distilled }, preprocessing: at224 },
  deit_small_distilled_patch16_224: { config: { ...small, ...distilled }, preprocessing: at224 },
  deit_base_distilled_patch16_224: { config: { ...base, ...distilled }, preprocessing: at224 },
  deit_base_distilled_patch16_384: { config: { ...base, ...distilled }, preprocessing: at384 },
  deit3_small_patch16_224: { config: { ...small, ...deit3 }, preprocessing: at224 },
  deit3_small_patch16_384: { config: { ...small, ...deit3 }, preprocessing: at384 },
  deit3_medium_patch16_224: { config: { ...medium, ...deit3 }, preprocessing: at224 },
  deit3_base_patch16_224: { config: { ...base, ...deit3 }, preprocessing: at224 },
  deit3_base_patch16_384: { config: { ...base, ...deit3 }, preprocessing: at384 },
  deit3_large_patch16_224: { config: { ...large, ...deit3 }, preprocessing: at224 },
  deit3_large_patch16_384: { config: { ...large, ...deit3 }, preprocessing: at384 },
}

/** The same options as the family "vit". */
export const deit: ModelFamily<VisionTransformerConfig> = { ...vit, name: "deit", models }
