/** The page's only script: a button that copies a command. Without it the page has all the same content. */
export const script = `
for (const block of document.querySelectorAll("pre.code")) {
  const button = document.createElement("button")
  button.type = "button"
  button.textContent = "Copy"
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(block.querySelector("code").textContent)
    button.textContent = "Copied"
    setTimeout(() => { button.textContent = "Copy" }, 1500)
  })
  block.append(button)
}
`

/**
 * SHA-256 of the script, in base64. The page's policy lets this script run and no other, so that a class or file
 * name could do nothing even if it came through unescaped. The test prints the new value when the script changes.
 */
export const scriptHash = "sgl3IFkXOKxG7lIueFBwmFY6gneS0s6Wa5s1D+YDqAQ="
