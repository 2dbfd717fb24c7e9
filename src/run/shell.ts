/** Commands to show to people, which they can paste into a shell. */

/** The words as a shell reads them back: those with spaces or special characters are quoted. */
export function shellCommand(...words: string[]): string {
  return words.map(quote).join(" ")
}

function quote(word: string): string {
  // Windows' shells know only double quotes, and a backslash is a plain character to them.
  if (process.platform === "win32") return /^[\w@%+=:,./\\-]+$/.test(word) ? word : `"${word}"`
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
