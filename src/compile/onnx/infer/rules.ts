/** All rules, by domain and operator. */

import { convolutionRules } from "./convolution.ts"
import { elementwiseRules } from "./elementwise.ts"
import { layoutRules } from "./layout.ts"
import { matrixRules, microsoftMatrixRules } from "./matrix.ts"
import type { OpRule, OpRules } from "./node-view.ts"
import { reduceRules } from "./reduce.ts"
import { shapeOfRules } from "./shape-of.ts"

const standard: OpRules = {
  ...elementwiseRules,
  ...convolutionRules,
  ...matrixRules,
  ...layoutRules,
  ...reduceRules,
  ...shapeOfRules,
}

/** ONNX Runtime's own operators: fused and quantised forms of standard ones, many under the same name. */
const byDomain: Readonly<Record<string, OpRules>> = {
  "": standard,
  "com.microsoft": { ...standard, ...microsoftMatrixRules },
}

/** The rule of an operator; undefined for one that is not known here. */
export function ruleOf(domain: string, op: string): OpRule | undefined {
  const rules = Object.hasOwn(byDomain, domain) ? byDomain[domain]! : undefined
  return rules && Object.hasOwn(rules, op) ? rules[op] : undefined
}
