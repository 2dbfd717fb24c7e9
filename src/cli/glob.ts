/** File name patterns: `*` and `?` within a name, `**` across folders, `[abc]`, `{jpg,png}`. */

/** Whether `text` has characters that make it a pattern. */
export function isGlob(text: string): boolean {
  return /[*?[{]/.test(text)
}

/** A regular expression for whole paths with `/` between their parts. */
export function globToRegExp(pattern: string): RegExp {
  const source = pattern.replace(
    /\*\*\/|\*\*|\*|\?|\[(!?)([^\]]+)\]|\{([^}]+)\}|[\s\S]/g,
    (token, negation: string | undefined, set: string | undefined, choices: string | undefined) => {
      if (token === "**/") return "(?:[^/]+/)*"
      if (token === "**") return ".*"
      if (token === "*") return "[^/]*"
      if (token === "?") return "[^/]"
      if (set !== undefined) return `[${negation === "!" ? "^" : ""}${set.replace(/[\\^]/g, "\\$&")}]`
      if (choices !== undefined) return `(?:${choices.split(",").map(literal).join("|")})`
      return literal(token)
    },
  )
  return new RegExp(`^${source}$`)
}

function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")
}
