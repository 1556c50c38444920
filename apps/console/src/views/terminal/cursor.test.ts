import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { Cursor } from './cursor'

const size = (text: string): number => new TextEncoder().encode(text).length

describe('Cursor', () => {
  test('begins wherever the first output does', () => {
    const cursor = new Cursor()
    expect(cursor.offset).toBeUndefined()
    expect(cursor.take(500, 'abc')).toEqual({ text: 'abc', skipped: 0 })
    expect(cursor.offset).toBe(503)
  })

  test('counts bytes, not characters', () => {
    const cursor = new Cursor()
    cursor.take(0, 'ä漢')
    expect(cursor.offset).toBe(5)
    expect(cursor.take(2, '漢x')).toEqual({ text: 'x', skipped: 0 })
  })

  test('what was shown is not shown again', () => {
    const cursor = new Cursor()
    cursor.take(0, 'hello')
    expect(cursor.take(0, 'hello')).toEqual({ text: '', skipped: 0 })
    expect(cursor.take(2, 'l')).toEqual({ text: '', skipped: 0 })
    expect(cursor.offset).toBe(5)
  })

  test('a jump is told', () => {
    const cursor = new Cursor()
    cursor.take(0, 'a')
    expect(cursor.take(100, 'b')).toEqual({ text: 'b', skipped: 99 })
    expect(cursor.offset).toBe(101)
  })

  test('however it is cut and repeated, the whole is shown once', () => {
    const pieces = fc.array(fc.string({ unit: 'grapheme', minLength: 1 }), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(pieces, fc.array(fc.nat(19)), (pieces, again) => {
        const cursor = new Cursor()
        const begins = pieces.map((_, i) => size(pieces.slice(0, i).join('')))
        let shown = ''
        for (const [i, piece] of pieces.entries()) {
          shown += cursor.take(begins[i]!, piece).text
          const back = again[i]
          if (back !== undefined && back <= i)
            shown += cursor.take(begins[back]!, pieces.slice(back, i + 1).join('')).text
        }
        expect(shown).toBe(pieces.join(''))
      }),
    )
  })
})
