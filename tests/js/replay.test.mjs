// The log and the cursor: replay, many browsers, replay while live output flows.

import assert from 'node:assert/strict'
import { before, test } from 'node:test'

import { addAgent, up } from './lib/server.mjs'
import { Viewer, assertOrderly } from './lib/viewer.mjs'

let server
before(async () => (server = await up()))

const viewer = (more = {}) => new Viewer(server.controller, { token: server.token, ...more })

async function fresh() {
  const name = `echo-${Math.random().toString(36).slice(2)}`
  return (await addAgent(server, server.info.clientId, { name, codec: { type: 'echo' } })).agentId
}

/** A log with `count` answered messages, and the browser that wrote it. */
async function written(count) {
  const agentId = await fresh()
  const v = viewer()
  const login = await v.follow(server.info.clientId, agentId)
  for (let i = 0; i < count; i += 1) await v.ended((await v.chat(agentId, `line ${i}`)).runId)
  return { agentId, v, login }
}

test('two browsers on one agent see the same bytes', async () => {
  const { agentId, v: one } = await written(1)
  const two = viewer()
  await two.follow(server.info.clientId, agentId)

  const { runId } = await two.chat(agentId, 'from two')
  await Promise.all([one.ended(runId), two.ended(runId)])

  assertOrderly(one, agentId)
  assertOrderly(two, agentId)
  const bytes = (v) => v.entries(agentId).map((e) => JSON.stringify(e))
  assert.deepEqual(bytes(one), bytes(two))
})

test('without a cursor everything is replayed, with one what follows it', async () => {
  const { agentId, v: first, login } = await written(3)
  const [all, some, none] = [viewer(), viewer(), viewer()]
  const { epoch } = login.end

  const whole = await all.follow(server.info.clientId, agentId)
  const rest = await some.follow(server.info.clientId, agentId, { afterSeq: 5, epoch })
  const nothing = await none.follow(server.info.clientId, agentId, { afterSeq: 12, epoch })

  assert.deepEqual(
    [whole.end, rest.end, nothing.end].map(({ fromSeq, toSeq, count, recovered, hasMore }) => [fromSeq, toSeq, count, recovered, hasMore]),
    [
      [1, 12, 12, whole.end.recovered, false],
      [6, 12, 7, true, false],
      [0, 12, 0, true, false],
    ],
  )
  assertOrderly(all, agentId)
  assertOrderly(some, agentId, 6)
  assert.deepEqual(all.entries(agentId), first.entries(agentId))
})

test('the newest entries alone can be asked for', async () => {
  const { agentId } = await written(3)
  const v = viewer()

  const { end } = await v.follow(server.info.clientId, agentId, { limit: 4 })

  assert.deepEqual(v.seqs(agentId), [9, 10, 11, 12])
  assert.equal(end.hasMore, true)
})

test('a cursor of another epoch, or beyond the head, starts over', async () => {
  const { agentId, login } = await written(2)
  for (const cursor of [{ afterSeq: 3, epoch: 'ep_other' }, { afterSeq: 999, epoch: login.end.epoch }]) {
    const v = viewer()

    const { end } = await v.follow(server.info.clientId, agentId, cursor)

    assert.equal(end.recovered, false)
    assert.equal(end.epoch, login.end.epoch)
    assertOrderly(v, agentId)
    assert.equal(v.seqs(agentId).length, 8)
  }
})

test('a replay joins live output without gap, duplicate or disorder', async () => {
  const { agentId, v: writer, login } = await written(1)
  const { runId } = await writer.chat(agentId, '/lines 2000')

  const joiners = []
  for (let i = 0; i < 12; i += 1) {
    const v = viewer({ transport: i % 3 === 0 ? 'polling' : 'websocket' })
    const cursor = i % 2 ? { afterSeq: 4, epoch: login.end.epoch } : {}
    await v.follow(server.info.clientId, agentId, cursor)
    joiners.push({ v, first: i % 2 ? 5 : 1 })
  }
  await writer.ended(runId)
  await Promise.all(joiners.map(({ v }) => v.ended(runId)))

  assertOrderly(writer, agentId)
  for (const { v, first } of joiners) assertOrderly(v, agentId, first)
  const page = await writer.forward('getHistory', agentId, { agentId, limit: 1 })
  assert.equal(writer.seqs(agentId).at(-1), page.headSeq)
})

test('a long log is replayed whole, from before the controller’s tail', async () => {
  const { agentId, v: writer } = await written(1)
  await writer.ended((await writer.chat(agentId, '/lines 3000')).runId)

  const late = viewer()
  await late.follow(server.info.clientId, agentId)

  assertOrderly(late, agentId)
  assert.equal(late.seqs(agentId).length, writer.seqs(agentId).length)
  assert.deepEqual(late.entries(agentId), writer.entries(agentId))
})

test('pages of history meet without gap', async () => {
  const { agentId, v } = await written(3)

  const newest = await v.forward('getHistory', agentId, { agentId, limit: 5 })
  const older = await v.forward('getHistory', agentId, { agentId, limit: 5, beforeSeq: 8 })
  const after = await v.forward('getHistory', agentId, { agentId, limit: 5, afterSeq: 2 })

  const seqs = (page) => page.events.map((e) => e.payload.seq)
  assert.deepEqual([seqs(newest), newest.hasMore, newest.headSeq], [[8, 9, 10, 11, 12], true, 12])
  assert.deepEqual(seqs(older), [3, 4, 5, 6, 7])
  assert.deepEqual(seqs(after), [3, 4, 5, 6, 7])
  const live = v.entries(agentId).map(({ event, payload }) => ({ event, payload }))
  assert.deepEqual(newest.events, live.slice(7))
})

test('the same messageId again changes nothing and gets the same answer', async () => {
  const { agentId, v } = await written(1)

  const first = await v.chat(agentId, 'once', { messageId: 'twice-1' })
  await v.ended(first.runId)
  const again = await v.chat(agentId, 'once', { messageId: 'twice-1' })
  const together = await Promise.all([1, 2, 3].map(() => v.chat(agentId, 'at once', { messageId: 'twice-2' })))
  await v.ended(together[0].runId)

  assert.deepEqual([again.runId, again.seq], [first.runId, first.seq])
  assert.equal(new Set(together.map((t) => t.runId)).size, 1)
  assert.equal(v.answers(agentId).filter((text) => text === 'once').length, 1)
  assert.equal(v.answers(agentId).filter((text) => text === 'at once').length, 1)
  assertOrderly(v, agentId)
})

test('deltas come live, in sequence, and the stored message has them all', async () => {
  const { agentId, v } = await written(1)

  const { runId } = await v.chat(agentId, '/stream 20 abcdefghijklmnopqrstuvwxyz')
  await v.ended(runId)

  const deltas = v.events.filter((e) => e.event === 'chatEvent' && e.payload.kind === 'assistantDelta').map((e) => e.payload)
  assert.ok(deltas.length > 0)
  assert.deepEqual(deltas.map((d) => d.sequence), [...deltas.map((d) => d.sequence)].sort((a, b) => a - b))
  assert.equal(deltas.every((d) => d.seq === undefined && d.runId === runId), true)
  assert.equal(deltas.map((d) => d.payload.delta).join(''), v.answers(agentId).at(-1))
})

test('a run can be cancelled, queued ones too', async () => {
  const { agentId, v } = await written(1)
  const running = await v.chat(agentId, '/stall')
  const queued = await v.chat(agentId, 'never said')
  assert.deepEqual([queued.state, queued.position], ['queued', 1])

  await v.forward('cancelRun', agentId, { agentId, runId: queued.runId })
  await v.forward('cancelRun', agentId, { agentId, runId: running.runId })
  const ends = await Promise.all([running, queued].map((run) => v.ended(run.runId)))

  assert.deepEqual(ends.map((e) => [e.state, e.reason]), [['cancelled', 'user'], ['cancelled', 'user']])
  assertOrderly(v, agentId)
})
