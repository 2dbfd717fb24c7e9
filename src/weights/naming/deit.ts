/** Names of facebookresearch/deit: models.py and models_v2.py. DeiT and its distilled form have those of timm. */

import { type NameTable, same } from "./table.ts"
import { vit } from "./timm.ts"

/** The layer scale of DeiT III. */
const layerScale = "blocks.{b}.ls{j}.gamma"

export const deit: readonly NameTable[] = [
  {
    architecture: vit,
    rules: [[layerScale, "blocks.{b}.gamma_{j}"], ...same(vit.names.filter((name) => name !== layerScale))],
  },
]
