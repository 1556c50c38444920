import fc from 'fast-check'
import { expect, test } from 'vitest'

import type { History, HistoryEvent, Joined, LiveEvent } from '../protocol'
import { Log } from './log'
import { Rows } from './rows'

const agentId = 'a'
const conversationId = 'c'
const timestamp = '2026-01-02T03:04:05.678Z'
const about = { agentId, conversationId, timestamp }

/** A manager's log: what is stored, and the text of the run that is open. */
class Server {
  epoch = 'e1'
  entries: HistoryEvent[] = []
  writing: { runId: string; text: string; sequence: number } | undefined
  #runs = 0

  get head(): number {
    return this.entries.length
  }

  #store(entry: Record<string, unknown>, event: HistoryEvent['event']): HistoryEvent {
    const stored = { event, payload: { ...about, seq: this.head + 1, ...entry } } as HistoryEvent
    this.entries.push(stored)
    return stored
  }

  /** Somebody says something, and the agent begins to answer. */
  say(): HistoryEvent[] {
    this.#runs += 1
    const runId = `r${this.#runs}`
    this.writing = { runId, text: '', sequence: -1 }
    return [
      this.#store({ runId, id: `m${this.head}`, from: 'user', text: `message ${runId}` }, 'chatMessage'),
      this.#store({ runId, state: 'started' }, 'runEvent'),
    ]
  }

  piece(): LiveEvent | undefined {
    if (!this.writing) return undefined
    this.writing.sequence += 1
    const delta = `${this.writing.sequence} `
    this.writing.text += delta
    const { runId, sequence } = this.writing
    return { ...about, runId, sequence, kind: 'assistantDelta', payload: { delta } }
  }

  answer(): HistoryEvent[] {
    if (!this.writing) return []
    const { runId, text } = this.writing
    this.writing = undefined
    const response = { type: 'text', result: text }
    return [
      this.#store({ runId, id: `m${this.head}`, from: 'agent', agentName: 'echo', response }, 'chatMessage'),
      this.#store({ runId, state: 'done', durationMs: 5_000 }, 'runEvent'),
    ]
  }

  clear(): void {
    this.epoch += "'"
    this.entries = []
    this.writing = undefined
  }
}

type Sent = [event: string, payload: unknown]

/** A connection to it, and what is under way on that. */
class Link {
  #sent: Sent[] = []
  isJoined = false

  constructor(
    readonly server: Server,
    readonly log: Log,
  ) {}

  /** What the server has said gets here, as far as it does. */
  deliver(most: number): void {
    for (const [event, payload] of this.#sent.splice(0, most)) {
      if (event === 'joined') this.log.joined(payload as Joined)
      else this.log.receive(event, payload)
    }
  }

  cut(): void {
    this.isJoined = false
    this.#sent = []
  }

  join(limit: number): void {
    if (this.isJoined) return
    const { afterSeq, epoch } = this.log.cursor(limit)
    this.isJoined = true
    const joined = {
      ...about,
      name: 'c',
      epoch: this.server.epoch,
      headSeq: this.server.head,
      queue: { version: 1, running: [], queued: [] },
      interactions: [],
    }
    this.#sent.push(['joined', joined])
    const isKnown = epoch === this.server.epoch && (afterSeq ?? 0) <= this.server.head
    this.#replay(
      Math.max(isKnown ? (afterSeq ?? 0) : 0, this.server.head - limit),
      isKnown || afterSeq === undefined,
    )
    const { writing } = this.server
    if (writing && writing.sequence >= 0) {
      const { runId, sequence, text } = writing
      this.send('chatEvent', { ...about, runId, sequence, kind: 'assistantSnapshot', payload: { text } })
    }
  }

  #replay(after: number, recovered: boolean): void {
    const entries = this.server.entries.slice(after)
    for (const entry of entries) this.send(entry.event, entry.payload)
    const { epoch, head } = this.server
    this.send('historyEnd', {
      ...about,
      epoch,
      fromSeq: after + 1,
      toSeq: head,
      count: entries.length,
      hasMore: after > 0,
      recovered,
    })
  }

  send(event: string, payload: unknown): void {
    if (this.isJoined) this.#sent.push([event, payload])
  }

  cleared(): void {
    this.send('conversationUpdate', { ...about, action: 'cleared', epoch: this.server.epoch })
    if (this.isJoined) this.#replay(0, false)
  }
}

const action = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('deliver' as const), n: fc.integer({ min: 1, max: 12 }) }),
  },
  { weight: 3, arbitrary: fc.constantFrom({ do: 'say' as const }, { do: 'answer' as const }) },
  { weight: 4, arbitrary: fc.constant({ do: 'piece' as const }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      { do: 'join' as const },
      { do: 'cut' as const },
      { do: 'older' as const },
      { do: 'again' as const },
      { do: 'trim' as const },
    ),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'clear' as const }) },
)

test('any interleaving of replay, live and reconnect gives the same screen', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 120 }), fc.integer({ min: 1, max: 8 }), (actions, limit) => {
      const server = new Server()
      const log = new Log(agentId, conversationId)
      const link = new Link(server, log)
      const older = (): void => {
        const { life, firstSeq } = log
        const before = server.entries.filter(({ payload }) => payload.seq < firstSeq)
        const events = before.slice(-3)
        const { epoch, head: headSeq } = server
        log.older({ epoch, headSeq, events, hasMore: before.length > events.length }, life)
      }
      for (const step of actions) {
        if (step.do === 'deliver') link.deliver(step.n)
        if (step.do === 'join') link.join(limit)
        if (step.do === 'cut') link.cut()
        if (step.do === 'older') older()
        if (step.do === 'trim') log.trim(2)
        // What was seen once does nothing when it comes again.
        if (step.do === 'again')
          for (const { event, payload } of [...log.entries]) expect(log.receive(event, payload)).toBe(false)
        if (step.do === 'say' && !server.writing)
          for (const { event, payload } of server.say()) link.send(event, payload)
        if (step.do === 'answer') for (const { event, payload } of server.answer()) link.send(event, payload)
        if (step.do === 'piece') {
          const piece = server.piece()
          if (piece) link.send('chatEvent', piece)
        }
        if (step.do === 'clear') {
          server.clear()
          link.cleared()
        }
        // What is shown is a part of what is stored, without a gap, at any time.
        const seqs = log.entries.map(({ payload }) => payload.seq)
        expect(seqs).toEqual(seqs.map((_, index) => (seqs[0] ?? 0) + index))
        expect(log.head).toBe(seqs.at(-1) ?? log.head)
      }
      link.join(limit)
      link.deliver(Infinity)
      while (log.hasOlder) older()

      expect(log.epoch).toBe(server.epoch)
      expect(log.entries).toEqual(server.entries)
      expect(log.isCurrent).toBe(true)
      const texts = [...log.writing.values()].map(({ runId, text }) => ({ runId, text }))
      const { writing } = server
      expect(texts).toEqual(
        writing && writing.sequence >= 0 ? [{ runId: writing.runId, text: writing.text }] : [],
      )
      // The rows are those of the whole log, in whichever pieces it came.
      const rows = new Rows()
      for (const entry of server.entries) rows.add(entry)
      expect(log.rows.all).toEqual(rows.all)
    }),
    { numRuns: 400 },
  )
})

test('what is about another conversation is none of it', () => {
  const log = new Log(agentId, conversationId)
  expect(log.receive('chatMessage', { ...about, conversationId: 'other', seq: 1 })).toBe(false)
  expect(log.receive('terminalOutput', { sessionId: 't', data: 'x' })).toBe(false)
  expect(log.receive('heartbeat', null)).toBe(false)
  expect(log.entries).toEqual([])
})

test('a page of the life before is void', () => {
  const server = new Server()
  server.say()
  const log = new Log(agentId, conversationId)
  const link = new Link(server, log)
  link.join(1)
  link.deliver(Infinity)
  const { life } = log
  const page = { epoch: server.epoch, headSeq: 2, events: server.entries.slice(0, 1), hasMore: false }
  server.clear()
  link.cleared()
  link.deliver(Infinity)

  expect(log.older(page, life)).toBe(false)
  expect(log.entries).toEqual([])
})

test('a page that was asked for before a gap is void, and one that leaves a gap', () => {
  const said = (seq: number): HistoryEvent =>
    ({
      event: 'chatMessage',
      payload: { ...about, seq, id: `m${seq}`, from: 'user', text: '' },
    }) as HistoryEvent
  const log = new Log(agentId, conversationId)
  const replay = (from: number, to: number): void => {
    for (let seq = from; seq <= to; seq += 1) log.receive('chatMessage', said(seq).payload)
  }
  replay(101, 110)
  const { life } = log
  const page = (from: number, to: number): History => ({
    epoch: 'e1',
    headSeq: 300,
    events: Array.from({ length: to - from + 1 }, (_, index) => said(from + index)),
    hasMore: true,
  })
  log.epoch = 'e1'
  replay(201, 210)
  expect(log.older(page(91, 100), life)).toBe(false)
  expect(log.older(page(91, 100), log.life)).toBe(false)
  expect(log.older(page(191, 200), log.life)).toBe(true)
  expect(log.firstSeq).toBe(191)
})

test('of a long log the oldest is forgotten, once it is far too long', () => {
  const log = new Log(agentId, conversationId)
  const receive = (seq: number): boolean =>
    log.receive('chatMessage', { ...about, seq, id: `m${seq}`, from: 'user', text: '' })
  for (let seq = 1; seq <= 12; seq += 1) receive(seq)
  expect(log.trim(10)).toBe(false)
  receive(13)
  expect(log.trim(10)).toBe(true)
  expect([log.firstSeq, log.head, log.entries.length, log.hasOlder]).toEqual([4, 13, 10, true])
  expect(log.rows.all.filter(({ kind }) => kind === 'user')).toHaveLength(10)
})
