import { describe, expect, test } from 'vitest'

import {
  base,
  crumbs,
  isAddressable,
  isIn,
  isName,
  join,
  language,
  normal,
  parent,
  pictureType,
} from './paths'

describe('paths', () => {
  test('join, parent and base', () => {
    expect(join('', 'a')).toBe('a')
    expect(join('a/b', 'c')).toBe('a/b/c')
    expect([parent('a'), parent('a/b/c'), parent('')]).toEqual(['', 'a/b', ''])
    expect([base('a'), base('a/b')]).toEqual(['a', 'b'])
  })

  test('breadcrumbs lead down', () => {
    expect(crumbs('')).toEqual([])
    expect(crumbs('a/b c/d')).toEqual([
      { name: 'a', path: 'a' },
      { name: 'b c', path: 'a/b c' },
      { name: 'd', path: 'a/b c/d' },
    ])
  })

  test('what others call it is what we call it', () => {
    expect(normal('./a//b/')).toBe('a/b')
    expect(normal('.')).toBe('')
    expect(normal('../a')).toBe('../a')
  })

  test('what is in what', () => {
    expect(isIn('a/b', 'a')).toBe(true)
    expect(isIn('a', 'a')).toBe(true)
    expect(isIn('ab', 'a')).toBe(false)
    expect(isIn('anything', '')).toBe(true)
  })

  test('names', () => {
    expect(['a', '.hidden', 'a b', '...', 'ä'].every(isName)).toBe(true)
    expect(['', '.', '..', 'a/b', 'a\0'].some(isName)).toBe(false)
    expect(isAddressable('a\ufffd')).toBe(false)
  })

  test('what a name tells of the content', () => {
    expect(language('src/main.rs')).toBe('rust')
    expect(language('Dockerfile')).toBe('dockerfile')
    expect(language('a.RS')).toBe('rust')
    for (const name of ['README', '.rs', 'x.constructor', 'constructor'])
      expect(language(name)).toBeUndefined()
    expect(pictureType('a/b.PNG')).toBe('image/png')
    expect(pictureType('b.svg')).toBeUndefined()
  })
})
