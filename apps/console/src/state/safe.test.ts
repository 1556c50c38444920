import { expect, test } from 'vitest'

import { brief, briefQuestion, exposed, plain, pretty } from './safe'

test('escape sequences go, text stays', () => {
  expect(plain('\u001b[31mred\u001b[0m and \u001b[1;4mmore\u001b[K')).toBe('red and more')
  expect(plain('\u001b]0;a title\u0007text\u001b]8;;http://x\u001b\\link')).toBe('textlink')
  expect(plain('\u001bPq#0\u001b\\after \u001b(Bcharset \u009b2J')).toBe('after charset ')
})

test('an escape sequence that never ends', () => {
  expect(plain('before \u001b[')).toBe('before ')
  expect(plain('\u001b')).toBe('␛')
})

test('a string that does not end takes nothing with it', () => {
  for (const kind of ['P', 'X', ']', '^', '_'])
    expect(plain(`Run: ls # \u001b${kind}\nrm -rf ~`)).toBe(`Run: ls # ␛${kind}\nrm -rf ~`)
  expect(plain('ls \u001bP\nrm -rf ~\u001b\\')).toBe('ls ␛P\nrm -rf ~')
  const long = 'x'.repeat(5_000)
  expect(plain(`\u001b]${long}\u0007`)).toBe(`␛]${long}␇`)
})

test('what somebody decides on is shown with all that is in it', () => {
  expect(exposed('ls # \u001b]0;x\u0007\r\nrm\t~')).toBe('ls # ␛]0;x␇␍\nrm\t~')
  expect(exposed('a\u200b\u200d\u2060\ufeff\u2028\u00ad\u{e0041}\u202e\u3164b')).toBe(
    'a⟦U+200B⟧⟦U+200D⟧⟦U+2060⟧⟦U+FEFF⟧⟦U+2028⟧⟦U+00AD⟧⟦U+E0041⟧⟦U+202E⟧⟦U+3164⟧b',
  )
  expect(exposed('⚠\ufe0f é ü 漢字')).toBe('⚠\ufe0f é ü 漢字')
  expect(briefQuestion('Run\n\u001b[8mrm\u001b[0m', 12)).toBe('Run ␛[8mrm␛[…')
})

test('what is not seen is made so, what letters need stays', () => {
  expect(plain('a\u200bb\u2060c\ufeffd\u2028e\u00adf\u{e0041}')).toBe(
    'a⟦U+200B⟧b⟦U+2060⟧c⟦U+FEFF⟧d⟦U+2028⟧e⟦U+00AD⟧f⟦U+E0041⟧',
  )
  expect(plain('می\u200cخواهم 👩\u200d🚀')).toBe('می\u200cخواهم 👩\u200d🚀')
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
  expect(brief({ a: { b: ['x', 1, null] } })).toBe('{ "a": { "b": [ "x", 1, null ] } }')
  expect(brief('  many\n\n words  ', 7)).toBe('many wo…')
})

test('the beginning of megabytes takes no time', () => {
  const part = {
    text: 'x'.repeat(4_000_000),
    list: Array.from({ length: 200_000 }, (_, index) => ({ index })),
  }
  const before = performance.now()
  for (let turn = 0; turn < 20; turn += 1) expect(brief({ a: part, b: [part] })).toHaveLength(101)
  for (let turn = 0; turn < 20; turn += 1) expect(brief(part.text)).toHaveLength(101)
  expect(performance.now() - before).toBeLessThan(1_000)
})
