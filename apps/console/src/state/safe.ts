/** Text of elsewhere as it can be shown: nothing in it moves the cursor, colours, or changes the direction of what is around it. */

// ECMA-48: CSI, OSC and other strings, and escapes of two characters.
const ESCAPES =
  // eslint-disable-next-line no-control-regex
  /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|\u001b[PX^_][^\u001b]*(?:\u001b\\)?|\u001b[ -/]*[0-~]/g

// Everything of Unicode's controls but tabulator and newline; and what overrides the direction of text (UAX #9).
// eslint-disable-next-line no-control-regex
const CONTROLS =
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/** The text without escape sequences, and other controls made visible. */
export function plain(text: string): string {
  return text
    .replace(ESCAPES, '')
    .replace(/\r\n?/g, '\n')
    .replace(CONTROLS, (control) => {
      const code = control.charCodeAt(0)
      if (code < 0x20) return String.fromCharCode(0x2400 + code)
      return `⟦U+${code.toString(16).toUpperCase().padStart(4, '0')}⟧`
    })
}

/** A value of unknown shape for people. */
export function pretty(value: unknown): string {
  if (value === undefined || value === null) return ''
  if (typeof value === 'string') return plain(value)
  return plain(JSON.stringify(value, null, 2))
}

/** The beginning of a text on one line. */
export function brief(value: unknown, most = 100): string {
  const text = (typeof value === 'string' ? plain(value) : pretty(value)).replace(/\s+/g, ' ').trim()
  return text.length > most ? `${text.slice(0, most)}…` : text
}
