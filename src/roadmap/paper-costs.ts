/** Written by scripts/count-roadmap.mjs. */

/**
 * Of every network of the roadmap's plan, by the names of the models, for images of 224 pixels: parameters,
 * multiply-accumulates of an image, and the bytes of its activations that a training step keeps.
 */
export const paperCosts: Readonly<
  Record<string, readonly [parameters: number, macs: number, activationBytes: number]>
> = {
  "roadmap/50/resnet": [25557032, 4089184256, 85327172],
  "roadmap/50/stage-ratio": [28628520, 4525916160, 87766340],
  "roadmap/50/patchify": [28622120, 4417536000, 81945412],
  "roadmap/50/depthwise": [15722600, 2349507072, 81945412],
  "roadmap/50/width": [33760936, 5267976960, 122613060],
  "roadmap/50/inverted": [25851400, 4644406272, 183616068],
  "roadmap/50/move-up": [25625416, 4065080448, 105628740],
  "roadmap/50/kernel-5": [25720648, 4097293440, 105628740],
  "roadmap/50/kernel-7": [25863496, 4145612928, 105628740],
  "roadmap/50/kernel-9": [26053960, 4210038912, 105628740],
  "roadmap/50/kernel-11": [26292040, 4290571392, 105628740],
  "roadmap/50/gelu": [25863496, 4145612928, 156582468],
  "roadmap/50/fewer-activations": [25863496, 4145612928, 139949124],
  "roadmap/50/fewer-norms": [25797256, 4145612928, 96783684],
  "roadmap/50/layer-norm": [25837864, 4145612928, 96845996],
  "roadmap/50/separate-downsampling": [28589128, 4455531264, 100734244],
  resnet50: [25557032, 4089184256, 85327172],
  swin_tiny_patch4_window7_224: [28288354, 4490566656, 106792660],
  vit_small_patch16_224: [22050664, 4598882304, 70228300],
  "roadmap/200/resnet": [64673832, 15007481856, 254410052],
  "roadmap/200/stage-ratio": [83066332, 14518404096, 172380708],
  "roadmap/200/patchify": [83057932, 14376155136, 164552580],
  "roadmap/200/depthwise": [42585472, 7234368288, 164552580],
  "roadmap/200/width": [96526568, 16763933696, 250427204],
  "roadmap/200/inverted": [83700072, 15679418368, 375337796],
  "roadmap/200/move-up": [83094632, 14627001856, 227781444],
  "roadmap/200/kernel-5": [83369064, 14698853888, 227781444],
  "roadmap/200/kernel-7": [83780712, 14806631936, 227781444],
  "roadmap/200/kernel-9": [84329576, 14950336000, 227781444],
  "roadmap/200/kernel-11": [85015656, 15129966080, 227781444],
  "roadmap/200/gelu": [83780712, 14806631936, 339071812],
  "roadmap/200/fewer-activations": [83780712, 14806631936, 302443332],
  "roadmap/200/fewer-norms": [83600232, 14806631936, 208394052],
  "roadmap/200/layer-norm": [83709672, 14806631936, 208392428],
  "roadmap/200/separate-downsampling": [88591464, 15354729472, 213560164],
  resnet200: [64673832, 15007481856, 254410052],
  swin_base_patch4_window7_224: [87768224, 15430946816, 226610836],
  vit_base_patch16_224: [86567656, 17563828224, 139807084],
}
