/** Commands to show to people, which they can paste into a shell. */

/** The words as a shell reads them back: those with spaces or special characters are quoted. */
export function shellCommand(...words: string[]): string {
  return words.map(quote).join(" ")
}

function quote(word: string): string {
  if (/^[\w@%+=:,./\\-]+$/.test(word)) return word
  // Windows' shells know only double quotes.
  return process.platform === "win32" ? `"${word}"` : `'${word.replaceAll("'", "'\\''")}'`
}
