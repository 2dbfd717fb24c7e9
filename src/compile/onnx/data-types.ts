/** The element types of ONNX tensors: their codes in files, and their sizes. */

import type { DType } from "../../tensor/ndarray.ts"
import { TensorProto_DataType as Code } from "./onnx_pb.ts"

/** Element types that ONNX has and this library does not compute with. */
type ForeignDType =
  | "string"
  | "complex64"
  | "complex128"
  | "float8e4m3fn"
  | "float8e4m3fnuz"
  | "float8e5m2"
  | "float8e5m2fnuz"
  | "float8e8m0"
  | "float6e2m3"
  | "float6e3m2"
  | "float4e2m1"
  | "int4"
  | "uint4"
  | "int2"
  | "uint2"

export type OnnxDType = DType | ForeignDType

/** Code and bits of each type. Elements of less than a byte are packed; a string has no size of its own. */
export const dataTypes: { readonly [D in OnnxDType]: { readonly code: Code; readonly bits: number } } = {
  float32: { code: Code.FLOAT, bits: 32 },
  float64: { code: Code.DOUBLE, bits: 64 },
  float16: { code: Code.FLOAT16, bits: 16 },
  bfloat16: { code: Code.BFLOAT16, bits: 16 },
  int8: { code: Code.INT8, bits: 8 },
  uint8: { code: Code.UINT8, bits: 8 },
  int16: { code: Code.INT16, bits: 16 },
  uint16: { code: Code.UINT16, bits: 16 },
  int32: { code: Code.INT32, bits: 32 },
  uint32: { code: Code.UINT32, bits: 32 },
  int64: { code: Code.INT64, bits: 64 },
  uint64: { code: Code.UINT64, bits: 64 },
  bool: { code: Code.BOOL, bits: 8 },
  string: { code: Code.STRING, bits: 0 },
  complex64: { code: Code.COMPLEX64, bits: 64 },
  complex128: { code: Code.COMPLEX128, bits: 128 },
  float8e4m3fn: { code: Code.FLOAT8E4M3FN, bits: 8 },
  float8e4m3fnuz: { code: Code.FLOAT8E4M3FNUZ, bits: 8 },
  float8e5m2: { code: Code.FLOAT8E5M2, bits: 8 },
  float8e5m2fnuz: { code: Code.FLOAT8E5M2FNUZ, bits: 8 },
  float8e8m0: { code: Code.FLOAT8E8M0, bits: 8 },
  float6e2m3: { code: Code.FLOAT6E2M3, bits: 6 },
  float6e3m2: { code: Code.FLOAT6E3M2, bits: 6 },
  float4e2m1: { code: Code.FLOAT4E2M1, bits: 4 },
  int4: { code: Code.INT4, bits: 4 },
  uint4: { code: Code.UINT4, bits: 4 },
  int2: { code: Code.INT2, bits: 2 },
  uint2: { code: Code.UINT2, bits: 2 },
}

const names = new Map(Object.entries(dataTypes).map(([name, { code }]) => [code as number, name as OnnxDType]))

/** The type that a code stands for; undefined for a code that stands for none. */
export function dtypeOf(code: number): OnnxDType | undefined {
  return names.get(code)
}

/** Whether the type holds real numbers with a fraction. */
export function isFloating(dtype: OnnxDType): boolean {
  return dtype.includes("float")
}
