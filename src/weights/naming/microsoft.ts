/**
 * Names of microsoft/Swin-Transformer: models/swin_transformer.py. Patch merging is the end of a stage. timm before 0.9 had
 * these names too.
 */

import { type NameTable, same } from "./table.ts"
import { swin } from "./timm.ts"

/** What is called otherwise. */
const differing = /^(layers\.\{s\+1\}\.downsample|head)\./

export const microsoft: readonly NameTable[] = [
  {
    architecture: swin,
    rules: [
      ["layers.{s+1}.downsample.norm.*", "layers.{s}.downsample.norm.*"],
      ["layers.{s+1}.downsample.reduction.*", "layers.{s}.downsample.reduction.*"],
      ["head.fc.*", "head.*"],
      ...same(swin.names.filter((name) => !differing.test(name))),
    ],
  },
]
