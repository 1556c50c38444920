import { expect, test } from 'vitest'

import { brief, plain, pretty } from './safe'

test('escape sequences go, text stays', () => {
  expect(plain('\u001b[31mred\u001b[0m and \u001b[1;4mmore\u001b[K')).toBe('red and more')
  expect(plain('\u001b]0;a title\u0007text\u001b]8;;http://x\u001b\\link')).toBe('textlink')
  expect(plain('\u001bPq#0\u001b\\after \u001b(Bcharset \u009b2J')).toBe('after charset ')
})

test('an escape sequence that never ends', () => {
  expect(plain('before \u001b[')).toBe('before ')
  expect(plain('\u001b')).toBe('␛')
})

test('controls are seen, and what turns text around', () => {
  expect(plain('a\u0000b\u0007c\u007f')).toBe('a␀b␇c⟦U+007F⟧')
  expect(plain('safe\u202egpj.exe\u2066')).toBe('safe⟦U+202E⟧gpj.exe⟦U+2066⟧')
  expect(plain('one\r\ntwo\rthree\tfour')).toBe('one\ntwo\nthree\tfour')
})

test('a megabyte takes no time', () => {
  const long = '\u001b]'.repeat(200_000) + 'x'.repeat(1_000_000)
  const before = performance.now()
  plain(long)
  expect(performance.now() - before).toBeLessThan(5_000)
})

test('any value is text', () => {
  expect(pretty({ a: [1, '\u001b[2J'] })).toBe('{\n  "a": [\n    1,\n    "\\u001b[2J"\n  ]\n}')
  expect(pretty(undefined)).toBe('')
  expect(brief('  many\n\n words  ', 7)).toBe('many wo…')
})
