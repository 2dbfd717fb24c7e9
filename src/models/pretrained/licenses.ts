/** What must be said to someone who loads weights: only what restricts their use. */

import type { License } from "./table.ts"

const dinov3 = "https://ai.meta.com/resources/models-and-libraries/dinov3-license"

/** What each licence asks for beyond naming its authors. */
const restrictions: Record<NonNullable<License>, string | undefined> = {
  "apache-2.0": undefined,
  "bsd-3-clause": undefined,
  mit: undefined,
  "cc-by-nc-4.0": "CC BY-NC 4.0, for non-commercial use only",
  "dinov3-license": `the DINOv3 License, which has terms of its own (${dinov3})`,
  "fair-noncommercial-research-license": "the FAIR Noncommercial Research License, for non-commercial research only",
}

/**
 * The sentence to show when weights are loaded, or undefined if their licence lets them be used for anything.
 * @param license as the hub names it; null where none is stated
 */
export function licenseNotice(weights: string, license: string | null): string | undefined {
  if (license === null) return `the publisher of ${weights} states no licence: ask before you use them`
  const restriction = Object.hasOwn(restrictions, license)
    ? restrictions[license as NonNullable<License>]
    : describeUnknown(license)
  return restriction && `the weights ${weights} are under ${restriction}`
}

/** Whether a licence forbids commercial use. */
export function isNonCommercial(license: string | null): boolean {
  return license !== null && /(^|-)nc(-|$)|non-?commercial/i.test(license)
}

function describeUnknown(license: string): string | undefined {
  return isNonCommercial(license) ? `the licence ${license}, for non-commercial use only` : undefined
}
