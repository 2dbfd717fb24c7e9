/** External data: the part of a model that lies in a file beside it, for protobuf holds no more than 2 GB. */

import { fromBinary, toBinary } from "@bufbuild/protobuf"
import type { EncodedModel } from "./encode.ts"
import { ModelProtoSchema, TensorProto_DataLocation } from "./onnx_pb.ts"

/** Tensors start at multiples of this, so that runtimes can map them into memory; the specification's advice. */
const ALIGNMENT = 4096

export interface PackedModel {
  /** The ModelProto, which names the data file. */
  model: Uint8Array
  /** The content of the data file, in parts. */
  data: Uint8Array[]
}

/**
 * Puts all data that lies outside of a model into one file.
 * @param location name of the data file, as the model is to tell it: relative to the model's folder
 */
export function packExternalData({ model, external }: EncodedModel, location: string): PackedModel {
  const proto = fromBinary(ModelProtoSchema, model)
  const data: Uint8Array[] = []
  let end = 0
  const append = (bytes: Uint8Array) => {
    data.push(bytes)
    end += bytes.length
  }
  for (const tensor of proto.graph!.initializer) {
    if (tensor.dataLocation !== TensorProto_DataLocation.EXTERNAL) continue
    const bytes = external[tensor.name]!
    append(new Uint8Array((ALIGNMENT - (end % ALIGNMENT)) % ALIGNMENT))
    for (const entry of tensor.externalData) {
      if (entry.key === "location") entry.value = location
      if (entry.key === "offset") entry.value = String(end)
    }
    append(bytes)
  }
  return { model: toBinary(ModelProtoSchema, proto), data }
}
