import fc from 'fast-check'
import { expect, test } from 'vitest'

import { Backoff } from '../net/backoff'
import { rank } from './rank'
import { Recall } from './recall'
import { parse, pathOf, type Route } from './route.svelte'
import { heard, mark, unread } from './unread'

test('the law of reconnecting', () => {
  const most = new Backoff(() => 1)
  const delays = Array.from({ length: 9 }, () => most.next(0).delayMs)
  expect(delays).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000])

  most.connected(100)
  expect(most.next(9_000)).toEqual({ attempt: 10, delayMs: 30_000 })
  most.connected(10_000)
  expect(most.next(20_000)).toEqual({ attempt: 1, delayMs: 500 })
  expect(new Backoff(() => 0).next(0).delayMs).toBe(0)
})

test('an address is read as it was written, whatever the ids are', () => {
  const id = fc.stringMatching(/^[A-Za-z0-9._:-]{1,20}$/)
  const routes: fc.Arbitrary<Route> = fc.oneof(
    fc.constantFrom<Route>(
      { view: 'home' },
      { view: 'server' },
      { view: 'settings' },
      { view: 'manager', clientId: undefined },
    ),
    fc.record({
      view: fc.constant('chat' as const),
      clientId: id,
      agentId: id,
      conversationId: fc.option(id, { nil: undefined }),
    }),
    fc.record({
      view: fc.constant('agent' as const),
      clientId: id,
      agentId: id,
      tab: fc.constantFrom('terminal' as const, 'files' as const),
    }),
  )
  fc.assert(
    fc.property(routes, (route) => {
      expect(parse(pathOf(route))).toEqual(route)
    }),
  )
})

test('an address that is none leads home', () => {
  for (const path of ['/', '/x', '/c', '/c/only', '/a/x/y/z', '/%E0%A4%A', '//'])
    expect(parse(path).view).toBe('home')
})

test('unread counts from when a conversation was first heard of', () => {
  let marks = heard({}, 'c', 10)
  expect(unread(marks, 'c', 10)).toBe(0)
  expect(unread(marks, 'c', 12)).toBe(2)
  marks = heard(marks, 'c', 12)
  expect(unread(marks, 'c', 12)).toBe(2)
  marks = mark(marks, 'c', 12)
  expect(unread(marks, 'c', 12)).toBe(0)
  expect(mark(marks, 'c', 12)).toBe(marks)
  // It was cleared.
  expect(unread(heard(marks, 'c', 1), 'c', 3)).toBe(2)
})

test('names that begin with what was typed come first', () => {
  const names = ['conversation two', 'two', 'a two', 'xtwo', 'toward', 'nothing']
  const found = names.filter((name) => rank(name, 'two') > 0).sort((a, b) => rank(b, 'two') - rank(a, 'two'))
  expect(found).toEqual(['two', 'conversation two', 'a two', 'xtwo'])
  expect(rank('toward others', 'two')).toBe(1)
})

test('what one has said is brought back, and what one was writing, too', () => {
  const recall = new Recall(() => ['last', 'before'])
  expect(recall.older('draft')).toBe('last')
  expect(recall.older('last')).toBe('before')
  expect(recall.older('before')).toBe(undefined)
  expect(recall.newer()).toBe('last')
  expect(recall.newer()).toBe('draft')
  expect(recall.newer()).toBe(undefined)
})
