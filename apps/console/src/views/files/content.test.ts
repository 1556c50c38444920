import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { bytes, fromBase64, hex, lineEnds, lineNumbers, shown, toBase64, visible } from './content'

test('sizes for people', () => {
  expect([0, 1023, 1024, 1536, 1_048_575, 1_048_576, 10_485_760].map(bytes)).toEqual([
    '0 B',
    '1,023 B',
    '1 KiB',
    '1.5 KiB',
    '1 MiB',
    '1 MiB',
    '10 MiB',
  ])
})

test('names hide nothing', () => {
  expect(shown('a\nb\tc')).toBe('a␊b␉c')
  expect(shown('a\x1b[31mb')).toBe('a␛[31mb')
  expect(shown('photo\u202egnp.exe')).toBe('photo⟦U+202E⟧gnp.exe')
})

test('content hides nothing and loses nothing', () => {
  expect(visible('a\r\n\tb\x1b[31m\u2066c\rd')).toBe('a\n\tb␛[31m⟦U+2066⟧c␍d')
})

test('lines have numbers', () => {
  expect(['', 'a', 'a\n', 'a\nb', '\n\n'].map(lineNumbers)).toEqual(['', '1', '1', '1\n2', '1\n2'])
})

test('line ends', () => {
  expect(['', 'a\nb', 'a\r\nb\r\n', 'a\r\nb\n', 'a\rb', 'a\r\r\n'].map(lineEnds)).toEqual([
    ...['\n', '\n', '\r\n'],
    ...['mixed', 'mixed', 'mixed'],
  ])
})

describe('bytes', () => {
  test('there and back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70_000 }), (bytes) => {
        expect(fromBase64(toBase64(bytes))).toEqual(bytes)
      }),
      { numRuns: 30 },
    )
  })

  test('as hexadecimal', () => {
    expect(hex(new Uint8Array())).toBe('')
    const lines = hex(Uint8Array.from({ length: 17 }, (_, i) => i + 0x3a)).split('\n')
    expect(lines[0]).toBe('00000000  3a 3b 3c 3d 3e 3f 40 41  42 43 44 45 46 47 48 49  :;<=>?@ABCDEFGHI')
    expect(lines[1]).toMatch(/^00000010 {2}4a {48,}J$/)
  })
})
