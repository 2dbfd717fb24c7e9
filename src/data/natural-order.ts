/** The order in which timm numbers classes and lists files: numbers by value, upper and lower case alike. */

/**
 * Compares two names as timm's `natural_key` does (timm/data/readers/reader_image_folder.py): the names in lower case,
 * cut into runs of digits and of other characters; digits compare by value, the rest by code point. Names that are
 * equal by that rule, such as `n2` and `N02`, are ordered by their own characters, so that the order is always one.
 */
export function compareNatural(a: string, b: string): number {
  return compareFolded(a.toLowerCase(), b.toLowerCase()) || (a < b ? -1 : a > b ? 1 : 0)
}

/** Sorts in natural order, folding the case of each name once. */
export function sortNatural<T>(items: readonly T[], name: (item: T) => string): T[] {
  return items
    .map((item) => ({ item, name: name(item), folded: name(item).toLowerCase() }))
    .sort((a, b) => compareFolded(a.folded, b.folded) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
    .map(({ item }) => item)
}

/** Walks both names together, without cutting them up: a folder can hold a million files. */
function compareFolded(a: string, b: string): number {
  let i = 0
  let j = 0
  while (i < a.length && j < b.length) {
    const digits = isDigit(a, i)
    // Where one name has digits and the other text, the run of text that ends is a prefix of the other, and comes first.
    if (digits !== isDigit(b, j)) return digits ? -1 : 1
    const endA = digits ? digitsEnd(a, i) : i + 1
    const endB = digits ? digitsEnd(b, j) : j + 1
    const difference = digits
      ? compareDigits(a.slice(i, endA), b.slice(j, endB))
      : a.codePointAt(i)! - b.codePointAt(j)!
    if (difference !== 0) return difference
    i = endA
    j = endB
  }
  return a.length - i - (b.length - j)
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  return code >= 48 && code <= 57
}

function digitsEnd(text: string, start: number): number {
  let end = start + 1
  while (end < text.length && isDigit(text, end)) end++
  return end
}

/** By value, however many digits there are. */
function compareDigits(a: string, b: string): number {
  const x = a.replace(/^0+/, "")
  const y = b.replace(/^0+/, "")
  return x.length - y.length || (x < y ? -1 : x > y ? 1 : 0)
}
