const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB']

/** A number of bytes for people. */
export function bytes(count: number): string {
  let unit = 0
  let value = count
  while (value >= 1023.5 && unit < UNITS.length - 1) {
    value /= 1024
    unit += 1
  }
  const digits = unit > 0 && value < 9.95 ? 1 : 0
  return `${value.toLocaleString(undefined, { maximumFractionDigits: digits })} ${UNITS[unit]}`
}

// What would move the cursor or turn the direction of the text that follows; tabulators and line ends stay.
// eslint-disable-next-line no-control-regex
const HIDDEN = /[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

const revealed = (text: string): string =>
  text.replace(HIDDEN, (control) => {
    const code = control.charCodeAt(0)
    if (code < 0x20) return String.fromCharCode(0x2400 + code)
    return `⟦U+${code.toString(16).toUpperCase().padStart(4, '0')}⟧`
  })

/** A name on one line, in which nothing pretends to be something else. */
export function shown(name: string): string {
  return revealed(name).replace(/\n/g, '␊').replace(/\t/g, '␉')
}

/** The text of a file with all that is in it, controls made visible. */
export function visible(text: string): string {
  return revealed(text.replace(/\r\n/g, '\n'))
}

/** The numbers beside the lines of a text. An end of line at the end begins no further line. */
export function lineNumbers(text: string): string {
  let lines = text === '' || text.endsWith('\n') ? 0 : 1
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) lines += 1
  return Array.from({ length: lines }, (_, i) => i + 1).join('\n')
}

/** How the lines of a text end. An editor has only one way for all of them. */
export function lineEnds(text: string): '\n' | '\r\n' | 'mixed' {
  if (!text.includes('\r')) return '\n'
  const ends = text.split('\r\n').length - 1
  const all = text.split(/\r\n|\r|\n/).length - 1
  return ends === all ? '\r\n' : 'mixed'
}

export function toBase64(bytes: Uint8Array): string {
  let binary = ''
  for (let at = 0; at < bytes.length; at += 0x8000)
    binary += String.fromCharCode(...bytes.subarray(at, at + 0x8000))
  return btoa(binary)
}

export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
}

/** Sixteen bytes to a line: where, what, and as text. */
export function hex(bytes: Uint8Array): string {
  const lines: string[] = []
  for (let at = 0; at < bytes.length; at += 16) {
    const row = [...bytes.subarray(at, at + 16)]
    const pairs = row.map((byte) => byte.toString(16).padStart(2, '0'))
    const halves = [pairs.slice(0, 8).join(' ').padEnd(23), pairs.slice(8).join(' ').padEnd(23)]
    const text = row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·')).join('')
    lines.push(`${at.toString(16).padStart(8, '0')}  ${halves.join('  ')}  ${text}`)
  }
  return lines.join('\n')
}
