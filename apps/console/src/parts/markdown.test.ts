import { expect, test } from 'vitest'

import { read } from './markdown'

const kinds = (source: string): string[] => read(source).blocks.map(({ type }) => type)

test('blocks, without what is not shown', () => {
  expect(kinds('# a\n\nb\n\n- c\n\n[d]: https://e.example')).toEqual(['heading', 'paragraph', 'list'])
})

test('what is too deep is text', () => {
  for (const deep of ['>', '> ', '1. ', '* ', '- > 1) '])
    expect(kinds(`a\n\n${deep.repeat(10_000)}b`)).toEqual(['asIs'])
  expect(kinds(`${'>'.repeat(20)} b`)).toEqual(['blockquote'])
  expect(kinds('-'.repeat(10_000))).toEqual(['hr'])
})

test('other nasty input is read', () => {
  for (const nasty of ['[', '*a', '![', '<a', '`', '_*', '|'])
    expect(kinds(nasty.repeat(5_000)).length).toBeGreaterThan(0)
})
