/** Written by scripts/count-activations.mjs. */

/** Bytes of the activations of one image of 224 pixels that a training step keeps, by the names of the models. */
export const paperActivations: Readonly<Record<string, number>> = {}
