/** How well a name fits what was typed: 0 not at all; words that begin with it fit best. */
export function rank(name: string, typed: string): number {
  const wanted = typed.trim().toLowerCase()
  const text = name.toLowerCase()
  if (wanted === '') return 1
  const at = text.indexOf(wanted)
  if (at === 0) return 4
  if (at > 0) return /\W/.test(text[at - 1] ?? '') ? 3 : 2
  let from = 0
  for (const character of wanted.replace(/\s/g, '')) {
    from = text.indexOf(character, from) + 1
    if (from === 0) return 0
  }
  return 1
}
