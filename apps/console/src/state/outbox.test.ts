import { expect, test } from 'vitest'

import type { ChatAccepted, HistoryEvent } from '../protocol'
import { Outbox, type Outgoing } from './outbox'

const outgoing = (messageId: string): Outgoing => ({
  messageId,
  runId: `r-${messageId}`,
  clientId: 'm',
  agentId: 'a',
  conversationId: 'c',
  text: messageId,
  interrupt: false,
  at: '2026-01-01T00:00:00.000Z',
  state: 'waiting',
  isKept: true,
})

const accepted = (seq: number): ChatAccepted => ({ conversationId: 'c', runId: 'r', seq, state: 'queued' })
const entry = (seq: number, messageId?: string): HistoryEvent =>
  ({ event: 'chatMessage', payload: { seq, from: 'user', messageId } }) as unknown as HistoryEvent

const ids = (outbox: Outbox): string[] => outbox.items.map(({ messageId, state }) => `${messageId} ${state}`)

test('a message is shown until its entry is', () => {
  const outbox = new Outbox()
  outbox.add(outgoing('one'))
  outbox.accepted('one', accepted(5), 4)
  expect(ids(outbox)).toEqual(['one stored'])

  expect(outbox.seen(entry(4))).toBe(false)
  expect(outbox.seen(entry(5, 'one'))).toBe(true)
  expect(ids(outbox)).toEqual([])
})

test('the entry may come before the acknowledgement', () => {
  const outbox = new Outbox()
  outbox.add(outgoing('one'))
  outbox.seen(entry(5, 'one'))
  outbox.accepted('one', accepted(5), 5)
  expect(ids(outbox)).toEqual([])
})

test('one that was stored long ago is not shown again', () => {
  const outbox = new Outbox([outgoing('one')])
  outbox.accepted('one', accepted(3), 100)
  expect(ids(outbox)).toEqual([])
})

test('they are sent in their order, and a refused one holds up none', () => {
  const outbox = new Outbox()
  for (const id of ['one', 'two', 'three']) outbox.add(outgoing(id))
  expect(outbox.next?.messageId).toBe('one')
  outbox.failed('one', 'READ_ONLY', 'no')
  expect(outbox.next?.messageId).toBe('two')
  outbox.accepted('two', accepted(1), 0)
  expect(outbox.next?.messageId).toBe('three')
  outbox.retry('one')
  expect(outbox.next?.messageId).toBe('one')
  outbox.remove('one')
  expect(ids(outbox)).toEqual(['two stored', 'three waiting'])
})

test('after a reload everything that was not refused is sent again', () => {
  const kept: Outgoing[] = [
    { ...outgoing('one'), state: 'stored', seq: 3 },
    { ...outgoing('two'), state: 'failed' },
    outgoing('three'),
  ]
  expect(ids(new Outbox(kept))).toEqual(['one waiting', 'two failed', 'three waiting'])
})

test('the same message twice is one', () => {
  const outbox = new Outbox()
  outbox.add(outgoing('one'))
  outbox.add(outgoing('one'))
  expect(ids(outbox)).toEqual(['one waiting'])
})

test('what was stored goes with the log, what waits does not', () => {
  const outbox = new Outbox([outgoing('one'), outgoing('two')])
  outbox.accepted('one', accepted(7), 0)
  expect(outbox.cleared()).toBe(true)
  expect(ids(outbox)).toEqual(['two waiting'])
  expect(outbox.cleared()).toBe(false)
})
