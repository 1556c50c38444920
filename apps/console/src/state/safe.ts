/** Text of elsewhere as it can be shown: nothing in it moves the cursor, colours, or changes the direction of what is around it. */

// ECMA-48: CSI, OSC and other strings, and escapes of two characters or so. A string that does not end on its line is none: it would
// take with it what follows.
const ESCAPES =
  // eslint-disable-next-line no-control-regex
  /(?:\u001b\[|\u009b)[0-?]{0,64}[ -/]{0,4}[@-~]|\u001b\][^\u0007\u001b\r\n]{0,4096}(?:\u0007|\u001b\\)|\u001b[PX^_][^\u001b\r\n]{0,4096}\u001b\\|\u001b(?:[ -/]{1,4}[0-~]|[0-OQ-WYZ[\\`-~])/g

// Everything of Unicode's controls but tabulator and newline; what overrides the direction of text (UAX #9); and what is not seen,
// but for what joins and parts letters (U+200C, U+200D).
const CONTROLS =
  // eslint-disable-next-line no-control-regex
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff\u{e0000}-\u{e007f}]/gu

/** Whatever is not seen, or changes how the rest is; not U+FE0F, which makes a picture of a sign. */
const UNSEEN = /(?![\t\n\ufe0f])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu

function signOf(control: string): string {
  const code = control.codePointAt(0) ?? 0
  if (code < 0x20) return String.fromCharCode(0x2400 + code)
  return `⟦U+${code.toString(16).toUpperCase().padStart(4, '0')}⟧`
}

/** The text with its controls made visible. */
export function revealed(text: string): string {
  return text.replace(CONTROLS, signOf)
}

/** The text without escape sequences, and other controls made visible. */
export function plain(text: string): string {
  return revealed(text.replace(ESCAPES, '').replace(/\r\n?/g, '\n'))
}

/** What somebody is asked to decide on: nothing is taken away, and nothing in it is unseen. */
export function exposed(text: string): string {
  return text.replace(UNSEEN, signOf)
}

/** A value of unknown shape for people. */
export function pretty(value: unknown): string {
  if (value === undefined || value === null) return ''
  if (typeof value === 'string') return plain(value)
  return plain(JSON.stringify(value, null, 2))
}

/** The beginning of a text on one line. */
export function brief(value: unknown, most = 100): string {
  const enough = most * 20
  return oneLine(typeof value === 'string' ? plain(value.slice(0, enough)) : pretty(beginning(value)), most)
}

/** Of a value that may be megabytes about as much as fits on a line: the first parts of each part. */
function beginning(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return value.slice(0, 500)
  if (typeof value !== 'object' || value === null) return value
  if (depth === 4) return Array.isArray(value) ? [] : {}
  if (Array.isArray(value)) return value.slice(0, 8).map((part) => beginning(part, depth + 1))
  const parts = Object.entries(value).slice(0, 8)
  return Object.fromEntries(parts.map(([name, part]) => [name.slice(0, 500), beginning(part, depth + 1)]))
}

/** The beginning of a question on one line. */
export function briefQuestion(question: string, most = 300): string {
  return oneLine(exposed(question), most)
}

function oneLine(text: string, most: number): string {
  const line = text.replace(/\s+/g, ' ').trim()
  return line.length > most ? `${line.slice(0, most)}…` : line
}
