/** Names of facebookresearch/ConvNeXt and ConvNeXt-V2: models/convnext.py, convnext_isotropic.py and convnextv2.py. */

import { channelsLast, linear, type NameTable, type Rule } from "./table.ts"
import { convnext, isotropicConvNeXt } from "./timm.ts"

/** `gamma` is the layer scale of V1; V2 has none, and a `gamma` in its response normalisation. */
const block = (timm: string, facebook: string): Rule[] => [
  [`${timm}.gamma`, `${facebook}.gamma`],
  [`${timm}.conv_dw.*`, `${facebook}.dwconv.*`],
  [`${timm}.norm.*`, `${facebook}.norm.*`],
  [`${timm}.mlp.fc{j}.*`, `${facebook}.pwconv{j}.*`, linear],
  [`${timm}.mlp.grn.weight`, `${facebook}.grn.gamma`, channelsLast],
  [`${timm}.mlp.grn.bias`, `${facebook}.grn.beta`, channelsLast],
]

export const facebook: readonly NameTable[] = [
  {
    architecture: convnext,
    rules: [
      ["stem.{i}.*", "downsample_layers.0.{i}.*"],
      ["stages.{s+1}.downsample.{i}.*", "downsample_layers.{s+1}.{i}.*"],
      ...block("stages.{s}.blocks.{b}", "stages.{s}.{b}"),
      ["head.norm.*", "norm.*"],
      ["head.fc.*", "head.*"],
    ],
  },
  {
    architecture: isotropicConvNeXt,
    rules: [["stem.*", "stem.*"], ...block("blocks.{b}", "blocks.{b}"), ["norm.*", "norm.*"], ["head.*", "head.*"]],
  },
]
