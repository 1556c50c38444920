import fc from 'fast-check'
import { expect, test } from 'vitest'

import type { HistoryEvent } from '../protocol'
import { Rows } from './rows'

const runId = fc.constantFrom('r1', 'r2', 'r3', undefined)
const id = fc.constantFrom('t1', 't2')
const interactionId = fc.constantFrom('i1', 'i2')
const word = fc.constantFrom('a', 'b', 'c')
const some = fc.option(word, { nil: undefined })

const happened = fc.oneof(
  fc.record({
    kind: fc.constant('toolCall'),
    payload: fc.record({ id, name: word, title: some, input: some }),
  }),
  fc.record({ kind: fc.constant('toolResult'), payload: fc.record({ id, output: word }) }),
  fc.record({ kind: fc.constant('plan'), payload: fc.record({ steps: fc.array(word, { maxLength: 2 }) }) }),
  fc.record({ kind: fc.constant('usage'), payload: fc.record({ inputTokens: fc.nat(9) }) }),
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('raw'),
      payload: fc.record({
        stream: fc.constantFrom('stdout', 'stderr'),
        text: fc.constantFrom('line', 'x'.repeat(9_000)),
      }),
    }),
  },
  fc.record({ kind: fc.constant('status'), payload: fc.record({ message: word }) }),
)

const entry = fc.oneof(
  { weight: 5, arbitrary: happened.map((payload) => ({ event: 'chatEvent', payload })) },
  fc.record({
    event: fc.constant('chatMessage'),
    payload: fc.record({ from: fc.constant('user'), text: word }),
  }),
  fc.record({
    event: fc.constant('runEvent'),
    payload: fc.record({
      state: fc.constantFrom('queued', 'started', 'done', 'failed'),
      durationMs: fc.constantFrom(1, 9_000),
    }),
  }),
  fc.record({
    event: fc.constant('interactionRequest'),
    payload: fc.record({ interactionId, message: word }),
  }),
  fc.record({ event: fc.constant('interactionUpdate'), payload: fc.record({ interactionId, value: word }) }),
)

/** Around a number at which output begins a new row. */
const FIRST = 245

const log = fc
  .array(fc.tuple(entry, runId, fc.constantFrom(0, 0, 0, 0, 0, 30)), { maxLength: 50 })
  .map((entries) => {
    let hours = 0
    return entries.map(([{ event, payload }, runId, later], index) => {
      hours += later
      const timestamp = new Date(Date.UTC(2026, 0, 1, hours, index)).toISOString()
      return { event, payload: { ...payload, runId, seq: FIRST + index, timestamp } } as HistoryEvent
    })
  })

test('rows that were put before others are those of all entries at once', () => {
  fc.assert(
    fc.property(log, fc.array(fc.nat(50), { maxLength: 8 }), fc.nat(50), (entries, cuts, live) => {
      const newest = entries.slice(0, entries.length - Math.min(live, entries.length))
      const places = [...new Set([...cuts, 0].filter((cut) => cut <= newest.length))].sort((a, b) => b - a)
      let end = places.shift() ?? 0
      const rows = Rows.of(newest.slice(end))
      let window = newest.slice(end)
      for (const place of places) {
        const page = newest.slice(place, end)
        rows.putBefore(page, window)
        window = [...page, ...window]
        end = place
        expect(rows.all).toEqual(Rows.of(window).all)
      }
      for (const entry of entries.slice(newest.length)) rows.add(entry)
      expect(rows.all).toEqual(Rows.of(entries).all)
    }),
    { numRuns: 2_000 },
  )
})

test('two runs may call their tools the same', () => {
  const entries = [
    { runId: 'r1', kind: 'toolCall', payload: { id: 't', name: 'one' } },
    { runId: 'r2', kind: 'toolCall', payload: { id: 't', name: 'two' } },
    { runId: 'r1', kind: 'toolResult', payload: { id: 't', output: 'of one' } },
  ].map(
    (payload, index) =>
      ({
        event: 'chatEvent',
        payload: { ...payload, seq: index + 1, timestamp: '2026-01-02T03:04:05.678Z' },
      }) as HistoryEvent,
  )
  const tools = Rows.of(entries).all.filter((row) => row.kind === 'tool')
  expect(tools.map(({ name, result }) => [name, result?.output])).toEqual([
    ['one', 'of one'],
    ['two', undefined],
  ])
})
