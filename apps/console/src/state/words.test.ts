import fc from 'fast-check'
import { expect, test } from 'vitest'

import { join, split } from './words'

test.each([
  ['', []],
  ['  ', []],
  ['bash', ['bash']],
  [' bash   -c\t"a b" ', ['bash', '-c', 'a b']],
  [`sh -c 'exec "$@" \\n'`, ['sh', '-c', 'exec "$@" \\n']],
  [`a"b c"'d e'f`, ['ab cd ef']],
  [`"" ''`, ['', '']],
  ['a\\ b "c\\"d" "e\\f"', ['a b', 'c"d', 'e\\f']],
  ['a # b', ['a', '#', 'b']],
])('%s', (line, words) => {
  expect(split(line)).toEqual(words)
})

test.each([`a 'b`, 'a "b', 'a\\', '"a\\'])('%s is not finished', (line) => {
  expect(split(line)).toBeUndefined()
})

test('what is joined is split into the same', () => {
  const unit = fc.constantFrom(...'ab\'"\\ $\n\t={}ä')
  const property = fc.property(fc.array(fc.string({ unit, maxLength: 12 }), { maxLength: 6 }), (words) => {
    expect(split(join(words))).toEqual(words)
  })
  fc.assert(property)
})

test('plain words stay readable', () => {
  expect(join(['gemini', '--acp', '--dir=/a/b', 'two words', "it's"])).toBe(
    `gemini --acp --dir=/a/b 'two words' 'it'\\''s'`,
  )
})
