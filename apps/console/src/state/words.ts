/** The words of a command line as a shell takes them, or `undefined` if a quote is open or the last character escapes nothing. */
export function split(line: string): string[] | undefined {
  const words: string[] = []
  let word: string | undefined
  let quote: '"' | "'" | undefined
  for (let at = 0; at < line.length; at += 1) {
    const char = line[at]!
    if (quote === "'") {
      if (char === "'") quote = undefined
      else word += char
    } else if (char === '\\') {
      const next = line[(at += 1)]
      if (next === undefined) return undefined
      // Between double quotes it is a character like others, unless what follows would mean something.
      word = (word ?? '') + (quote && !'"\\$`'.includes(next) ? char : '') + next
    } else if (quote) {
      if (char === quote) quote = undefined
      else word += char
    } else if (char === '"' || char === "'") {
      quote = char
      word ??= ''
    } else if (/\s/.test(char)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else word = (word ?? '') + char
  }
  if (quote) return undefined
  return word === undefined ? words : [...words, word]
}

/** A command line that has these words. */
export function join(words: readonly string[]): string {
  return words.map(quoted).join(' ')
}

function quoted(word: string): string {
  return /^[\w@%+=:,./{}-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
