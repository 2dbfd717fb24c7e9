/**
 * Names of pytorch/vision: torchvision/models/convnext.py, resnet.py, swin_transformer.py and vision_transformer.py.
 * Numbers count the members of a sequence, of which some have no weights.
 */

import { linear, type NameTable, perChannelMap, type Rule, same } from "./table.ts"
import { convnext, resnet, swin, vit } from "./timm.ts"

const attention = "encoder.layers.encoder_layer_{b}.self_attention"

/** The third rule is of files from before version 2 of torchvision's `MLPBlock`, among them published ones. */
const mlp: Rule[] = [
  ["blocks.{b}.mlp.fc1.*", "encoder.layers.encoder_layer_{b}.mlp.0.*"],
  ["blocks.{b}.mlp.fc2.*", "encoder.layers.encoder_layer_{b}.mlp.3.*"],
  ["blocks.{b}.mlp.fc{j}.*", "encoder.layers.encoder_layer_{b}.mlp.linear_{j}.*"],
]

export const torchvision: readonly NameTable[] = [
  {
    architecture: convnext,
    rules: [
      ["stem.{i}.*", "features.0.{i}.*"],
      ["stages.{s+1}.downsample.{i}.*", "features.{2s+2}.{i}.*"],
      ["stages.{s}.blocks.{b}.gamma", "features.{2s+1}.{b}.layer_scale", perChannelMap],
      ["stages.{s}.blocks.{b}.conv_dw.*", "features.{2s+1}.{b}.block.0.*"],
      ["stages.{s}.blocks.{b}.norm.*", "features.{2s+1}.{b}.block.2.*"],
      ["stages.{s}.blocks.{b}.mlp.fc1.*", "features.{2s+1}.{b}.block.3.*", linear],
      ["stages.{s}.blocks.{b}.mlp.fc2.*", "features.{2s+1}.{b}.block.5.*", linear],
      ["head.norm.*", "classifier.0.*"],
      ["head.fc.*", "classifier.2.*"],
    ],
  },
  // torchvision has no deep stem.
  { architecture: resnet, rules: same(resnet.names.filter((name) => name !== "conv1.{i}.*")) },
  {
    architecture: swin,
    rules: [
      ["patch_embed.proj.*", "features.0.0.*"],
      ["patch_embed.norm.*", "features.0.2.*"],
      ["layers.{s+1}.downsample.norm.*", "features.{2s+2}.norm.*"],
      ["layers.{s+1}.downsample.reduction.*", "features.{2s+2}.reduction.*"],
      ["layers.{s}.blocks.{b}.norm{j}.*", "features.{2s+1}.{b}.norm{j}.*"],
      ["layers.{s}.blocks.{b}.attn.qkv.*", "features.{2s+1}.{b}.attn.qkv.*"],
      ["layers.{s}.blocks.{b}.attn.proj.*", "features.{2s+1}.{b}.attn.proj.*"],
      [
        "layers.{s}.blocks.{b}.attn.relative_position_bias_table",
        "features.{2s+1}.{b}.attn.relative_position_bias_table",
      ],
      ["layers.{s}.blocks.{b}.mlp.fc1.*", "features.{2s+1}.{b}.mlp.0.*"],
      ["layers.{s}.blocks.{b}.mlp.fc2.*", "features.{2s+1}.{b}.mlp.3.*"],
      ["norm.*", "norm.*"],
      ["head.fc.*", "head.*"],
    ],
  },
  {
    architecture: vit,
    rules: [
      ["cls_token", "class_token"],
      ["pos_embed", "encoder.pos_embedding"],
      ["patch_embed.proj.*", "conv_proj.*"],
      ["blocks.{b}.norm{j}.*", "encoder.layers.encoder_layer_{b}.ln_{j}.*"],
      ["blocks.{b}.attn.qkv.weight", `${attention}.in_proj_weight`],
      ["blocks.{b}.attn.qkv.bias", `${attention}.in_proj_bias`],
      ["blocks.{b}.attn.proj.*", `${attention}.out_proj.*`],
      ...mlp,
      ["norm.*", "encoder.ln.*"],
      ["head.*", "heads.head.*"],
    ],
  },
]
