/** Names of timm (huggingface/pytorch-image-models), which are the project's own. */

import { type Architecture, type NameTable, same } from "./table.ts"

/** timm/models/convnext.py, V1 and V2. */
export const convnext: Architecture = {
  name: "ConvNeXt",
  families: ["convnext"],
  names: [
    "stem.{i}.*",
    "stages.{s}.downsample.{i}.*",
    "stages.{s}.blocks.{b}.gamma",
    "stages.{s}.blocks.{b}.conv_dw.*",
    "stages.{s}.blocks.{b}.norm.*",
    "stages.{s}.blocks.{b}.mlp.fc{j}.*",
    "stages.{s}.blocks.{b}.mlp.grn.*",
    "norm_pre.*",
    "head.norm.*",
    "head.pre_logits.fc.*",
    "head.fc.*",
  ],
  classifiers: ["head.fc"],
}

/** Not in timm: its names for ConvNeXt, and more for the layers that the networks before it on the roadmap have. */
export const roadmap: Architecture = {
  name: "network of the roadmap",
  families: ["roadmap"],
  names: [
    "stem.{i}.*",
    "stages.{s}.downsample.{i}.*",
    "stages.{s}.blocks.{b}.gamma",
    "stages.{s}.blocks.{b}.conv_dw.*",
    "stages.{s}.blocks.{b}.norm.*",
    "stages.{s}.blocks.{b}.mlp.fc{j}.*",
    "stages.{s}.blocks.{b}.mlp.norm{j}.*",
    "stages.{s}.blocks.{b}.shortcut.{i}.*",
    "head.norm.*",
    "head.fc.*",
  ],
  classifiers: ["head.fc"],
}

/** Not in timm: its names for the blocks of ConvNeXt, and those of a plain transformer around them. */
export const isotropicConvNeXt: Architecture = {
  name: "isotropic ConvNeXt",
  families: ["convnext_iso"],
  names: [
    "stem.*",
    "blocks.{b}.gamma",
    "blocks.{b}.conv_dw.*",
    "blocks.{b}.norm.*",
    "blocks.{b}.mlp.fc{j}.*",
    "norm.*",
    "head.*",
  ],
  classifiers: ["head"],
}

/** timm/models/resnet.py: also ResNeXt, Wide ResNet and ResNet-D. */
export const resnet: Architecture = {
  name: "ResNet",
  families: ["resnet"],
  names: [
    "conv1.*",
    "conv1.{i}.*",
    "bn1.*",
    "layer{l}.{b}.conv{j}.*",
    "layer{l}.{b}.bn{j}.*",
    "layer{l}.{b}.downsample.{i}.*",
    "fc.*",
  ],
  classifiers: ["fc"],
}

/** timm/models/swin_transformer.py, since 0.9: patch merging is the beginning of a stage. */
export const swin: Architecture = {
  name: "Swin",
  families: ["swin"],
  names: [
    "patch_embed.proj.*",
    "patch_embed.norm.*",
    "layers.{s+1}.downsample.norm.*",
    "layers.{s+1}.downsample.reduction.*",
    "layers.{s}.blocks.{b}.norm{j}.*",
    "layers.{s}.blocks.{b}.attn.qkv.*",
    "layers.{s}.blocks.{b}.attn.proj.*",
    "layers.{s}.blocks.{b}.attn.relative_position_bias_table",
    "layers.{s}.blocks.{b}.mlp.fc{j}.*",
    "norm.*",
    "head.fc.*",
  ],
  classifiers: ["head.fc"],
}

/** timm/models/vision_transformer.py and deit.py. */
export const vit: Architecture = {
  name: "ViT",
  families: ["vit", "deit"],
  names: [
    "cls_token",
    "reg_token",
    "dist_token",
    "pos_embed",
    "patch_embed.proj.*",
    "norm_pre.*",
    "blocks.{b}.norm{j}.*",
    "blocks.{b}.attn.qkv.*",
    "blocks.{b}.attn.proj.*",
    "blocks.{b}.ls{j}.gamma",
    "blocks.{b}.mlp.fc{j}.*",
    "norm.*",
    "fc_norm.*",
    "head.*",
    "head_dist.*",
  ],
  classifiers: ["head", "head_dist"],
}

/** timm/models/efficientnet.py: also MobileNetV2. */
const efficientnet: Architecture = {
  name: "EfficientNet",
  families: ["efficientnet", "mobilenetv2"],
  names: ["conv_stem.*", "bn{j}.*", "blocks.{s}.{b}.**", "conv_head.*", "classifier.*"],
  classifiers: ["classifier"],
}

/** timm/models/regnet.py */
const regnet: Architecture = {
  name: "RegNet",
  families: ["regnet"],
  names: ["stem.conv.*", "stem.bn.*", "s{s}.b{b}.**", "final_conv.**", "head.fc.*"],
  classifiers: ["head.fc"],
}

const architectures = [convnext, isotropicConvNeXt, roadmap, resnet, swin, vit, efficientnet, regnet]

export const timm: readonly NameTable[] = architectures.map((architecture) => ({
  architecture,
  rules: same(architecture.names),
}))
