// Runs: in parallel, in the queue, cancelled, interrupted, promoted, and when their people leave.

import assert from 'node:assert/strict'
import { before, test } from 'node:test'

import { Scene, converse, say } from './lib/scene.mjs'
import { assertOrderly, assertRunsEnded } from './lib/viewer.mjs'

let scene
before(async () => (scene = await Scene.open()))

const start = (v, agentId, conversationId, runId, message, more = {}) =>
  v.forward('startRun', agentId, { agentId, conversationId, runId, message, ...more })

const cancel = (v, agentId, runId) => v.forward('cancelRun', agentId, { agentId, runId })

const state = (v, runId, wanted) => v.tells('runEvent', { runId, state: wanted })

/** The states that a run went through, without those of its place in the queue. */
const states = (v, runId) => v.told('runEvent', { runId }).map((e) => e.state)

test('runs are in parallel up to four, the next one waits', async () => {
  const { agentId, conversationId, viewers } = await scene.room(2)
  const [v, other] = viewers
  const ids = ['p-1', 'p-2', 'p-3', 'p-4']

  const answers = await Promise.all(ids.map((id) => start(v, agentId, conversationId, id, '/stall')))
  await Promise.all(ids.map((id) => state(other, id, 'started')))
  const fifth = await start(v, agentId, conversationId, 'p-5', 'the fifth')

  assert.deepEqual(answers.map((a) => a.state), ['started', 'started', 'started', 'started'])
  assert.equal(fifth.state, 'queued')
  assert.deepEqual(states(v, 'p-5').includes('started'), false)
  assert.deepEqual(await cancel(other, agentId, 'p-2'), { kind: 'cancelled_running' })
  assert.equal((await v.ended('p-5')).state, 'done')
  for (const id of ['p-1', 'p-3', 'p-4']) await cancel(v, agentId, id)
  await Promise.all(ids.map((id) => v.ended(id)))
  assertOrderly(v, conversationId)
  assertRunsEnded(v, conversationId)
})

test('output of parallel runs is told apart', async () => {
  const { agentId, conversationId, viewers } = await scene.room(1)
  const [v] = viewers
  const ids = ['o-1', 'o-2', 'o-3', 'o-4']

  await Promise.all(ids.map((id) => start(v, agentId, conversationId, id, `/stream 50 ${id}`)))
  await Promise.all(ids.map((id) => v.ended(id)))

  for (const id of ids) {
    const deltas = v.told('chatEvent', { runId: id })
    const text = Array(50).fill(id).join(' ')
    assert.equal(deltas.map((d) => d.payload.delta).join(''), text)
    assert.deepEqual(deltas.map((d) => d.sequence), deltas.map((d) => d.sequence).sort((a, b) => a - b))
    const answer = v.messages(conversationId).find((m) => m.runId === id && m.from === 'agent')
    assert.equal(answer.response.result, text)
  }
  assertOrderly(v, conversationId)
})

test('a run of its own does not wait for the conversation', async () => {
  const { agentId, conversationId, viewers } = await scene.room(1)
  const [v] = viewers
  const { runId } = await say(v, agentId, conversationId, '/stall')

  await start(v, agentId, conversationId, 'beside', 'answered at once')
  assert.equal((await v.ended('beside')).state, 'done')

  await cancel(v, agentId, runId)
  await v.ended(runId)
})

test('the id of a run is needed, and may be used again when it has ended', async () => {
  const { agentId, conversationId, viewers } = await scene.room(1)
  const [v] = viewers
  const without = await v.denied('startRun', agentId, { agentId, conversationId, message: 'x' })
  await start(v, agentId, conversationId, 'mine', '/stall')

  const twice = await v.denied('startRun', agentId, { agentId, conversationId, runId: 'mine', message: 'x' })
  await cancel(v, agentId, 'mine')
  await v.ended('mine')
  await start(v, agentId, conversationId, 'mine', 'again')
  await v.until((x) => x.told('runEvent', { runId: 'mine', state: 'done' }).length === 1)

  assert.equal(without.code, 'INVALID_PAYLOAD')
  assert.match(without.message, /run_?id is required/i)
  assert.deepEqual([twice.code, twice.message], ['RUN_EXISTS', 'Run already in progress'])
  assert.deepEqual(v.answers(conversationId), ['again'])
  for (const runId of ['', 'a b', '../up', 'r'.repeat(129), 7]) {
    const error = await v.denied('startRun', agentId, { agentId, conversationId, runId, message: 'x' })
    assert.equal(error.code, 'INVALID_PAYLOAD', String(runId))
  }
})

test('a chat may bring the id of its run', async () => {
  const { agentId, conversationId, viewers } = await scene.room(1)

  const { runId, end } = await converse(viewers[0], agentId, conversationId, 'hello', { runId: 'chosen-1' })

  assert.deepEqual([runId, end.state], ['chosen-1', 'done'])
})

test('chats wait for each other in order, and everybody sees the queue', async () => {
  const { agentId, conversationId, viewers } = await scene.room(2)
  const [v, other] = viewers

  const running = await say(v, agentId, conversationId, '/stall')
  const second = await say(other, agentId, conversationId, 'second')
  const third = await say(v, agentId, conversationId, 'third')
  const shows = (q) => q.queued.length === 2 && q.running.length === 1
  const seen = await Promise.all(viewers.map((x) => x.until((y) => y.told('queueUpdate', { conversationId }).find(shows))))
  const late = await scene.viewer()
  const joined = await late.join(agentId, { conversationId })
  await cancel(other, agentId, running.runId)
  await Promise.all([second, third].map(({ runId }) => v.ended(runId)))
  const empty = await v.until((x) => x.told('queueUpdate', { conversationId }).find((q) => q.version > seen[0].version && !q.running.length))

  assert.deepEqual([running.state, second.position, third.position], ['started', 1, 2])
  for (const queue of [...seen, joined.queue]) {
    assert.deepEqual(queue.running.map((r) => [r.runId, r.text]), [[running.runId, '/stall']])
    assert.deepEqual(queue.queued.map((r) => [r.runId, r.text]), [[second.runId, 'second'], [third.runId, 'third']])
  }
  assert.equal(seen[0].queued[0].viewerId, (await other.event('connected')).payload.viewerId)
  assert.deepEqual(empty.queued, [])
  const versions = v.told('queueUpdate', { conversationId }).map((q) => q.version)
  assert.deepEqual(versions, [...new Set(versions)].sort((a, b) => a - b), 'each version once, growing')
  assert.deepEqual(v.answers(conversationId), ['second', 'third'])
  assertRunsEnded(v, conversationId)
})

test('the beginning of a long message stands for it in the queue', async () => {
  const { agentId, conversationId, viewers } = await scene.room(1)
  const [v] = viewers
  const { runId } = await say(v, agentId, conversationId, '/stall')
  const long = await say(v, agentId, conversationId, '🛶'.repeat(1_000))

  const queue = await v.until((x) => x.told('queueUpdate', { conversationId }).find((q) => q.queued.length))
  await cancel(v, agentId, long.runId)
  await cancel(v, agentId, runId)

  assert.ok([...queue.queued[0].text].length <= 200)
  assert.ok(queue.queued[0].text.startsWith('🛶🛶'))
})

test('the 101st that waits is refused, with a text that says why', async () => {
  const { agentId, conversationId, viewers } = await scene.room(1)
  const [v] = viewers
  const { runId } = await say(v, agentId, conversationId, '/stall')
  await Promise.all(Array.from({ length: 100 }, (_, i) => say(v, agentId, conversationId, `m${i}`)))

  const error = await v.denied('chat', agentId, { agentId, conversationId, message: 'one too many' })
  await v.forward('deleteConversation', agentId, { agentId, conversationId })

  assert.equal(error.code, 'QUEUE_FULL')
  assert.equal(error.message, 'Queue is full (100 requests). Try again after some complete.')
  assert.ok(runId)
})

test('cancel: running, waiting, finished, unknown, somebody else’s', async () => {
  const { agentId, conversationId, viewers } = await scene.room(2)
  const [v, other] = viewers
  const running = await say(v, agentId, conversationId, '/stall')
  const waiting = await say(v, agentId, conversationId, 'never said')

  const kinds = [await cancel(other, agentId, waiting.runId), await cancel(other, agentId, running.runId)]
  const ends = await Promise.all([running, waiting].map(({ runId }) => v.ended(runId)))

  assert.deepEqual(kinds, [{ kind: 'cancelled_queued' }, { kind: 'cancelled_running' }])
  assert.deepEqual(ends.map((e) => [e.state, e.reason]), [['cancelled', 'user'], ['cancelled', 'user']])
  for (const runId of [running.runId, waiting.runId, 'run_nobody']) {
    const error = await v.denied('cancelRun', agentId, { agentId, runId })
    assert.deepEqual([error.code, error.message], ['RUN_NOT_FOUND', 'No active run to cancel'])
  }
  for (const runId of ['../..', '', 7]) {
    assert.equal((await v.denied('cancelRun', agentId, { agentId, runId })).code, 'INVALID_PAYLOAD')
  }
  assertRunsEnded(v, conversationId)
})

test('a run is cancelled before it was acknowledged', async () => {
  const { agentId, conversationId, viewers } = await scene.room(1)
  const [v] = viewers

  for (const [event, runId] of [['chat', 'early-1'], ['startRun', 'early-2'], ['chat', 'early-3'], ['startRun', 'early-4']]) {
    const accepted = v.forward(event, agentId, { agentId, conversationId, runId, message: '/stall' })
    const cancelled = cancel(v, agentId, runId)
    await Promise.all([accepted, cancelled])
    assert.deepEqual([(await v.ended(runId)).state, (await v.ended(runId)).reason], ['cancelled', 'user'])
  }
  assertOrderly(v, conversationId)
  assertRunsEnded(v, conversationId)
})

test('an interruption ends the run and is the next', async () => {
  const { agentId, conversationId, viewers } = await scene.room(1)
  const [v] = viewers
  const running = await say(v, agentId, conversationId, '/stall')
  const waiting = await say(v, agentId, conversationId, 'waits')

  const urgent = await say(v, agentId, conversationId, 'urgent', { interrupt: true })
  const ends = await Promise.all([running, urgent, waiting].map(({ runId }) => v.ended(runId)))

  assert.deepEqual(ends.map((e) => [e.state, e.reason]), [['cancelled', 'interrupted'], ['done', undefined], ['done', undefined]])
  assert.deepEqual(v.answers(conversationId), ['urgent', 'waits'])
  const alone = await converse(v, agentId, conversationId, 'nothing to interrupt', { interrupt: true })
  assert.equal(alone.end.state, 'done')
  assertRunsEnded(v, conversationId)
})

test('a run that waits is promoted', async () => {
  const { agentId, conversationId, viewers } = await scene.room(2)
  const [v, other] = viewers
  const running = await say(v, agentId, conversationId, '/stall')
  const [first, second, third] = [
    await say(v, agentId, conversationId, 'first'),
    await say(v, agentId, conversationId, 'second'),
    await say(v, agentId, conversationId, 'third'),
  ]

  const promoted = await other.forward('promoteRun', agentId, { agentId, runId: third.runId })
  const order = [third, first, second].map(({ runId }) => runId)
  await v.until((x) => x.told('queueUpdate', { conversationId }).some((q) => String(q.queued.map((r) => r.runId)) === String(order)))
  const already = await v.forward('promoteRun', agentId, { agentId, runId: running.runId })
  const unknown = await v.denied('promoteRun', agentId, { agentId, runId: 'run_nobody' })
  await cancel(v, agentId, running.runId)
  await Promise.all(order.map((runId) => v.ended(runId)))

  assert.equal(promoted.position, 1)
  assert.deepEqual([already.position, unknown.code], [0, 'RUN_NOT_FOUND'])
  assert.deepEqual(v.answers(conversationId), ['third', 'first', 'second'])
  assertOrderly(v, conversationId)
})

test('a run ends with its connection if it was begun so, and else goes on', async () => {
  const { agentId, conversationId, viewers } = await scene.room(2)
  const [stays, leaves] = viewers
  await start(leaves, agentId, conversationId, 'bound', '/stall', { cancelOnDisconnect: true })
  await start(leaves, agentId, conversationId, 'free', '/stall')
  await Promise.all(['bound', 'free'].map((id) => state(stays, id, 'started')))

  leaves.close()
  const end = await stays.ended('bound')
  const kind = await cancel(stays, agentId, 'free')

  assert.deepEqual([end.state, end.reason], ['cancelled', 'disconnect'])
  assert.deepEqual(kind, { kind: 'cancelled_running' })
  assert.equal((await stays.ended('free')).reason, 'user')
})

test('who asked may leave: what waits and what runs is done, and kept', async () => {
  const { agentId, conversationId, viewers } = await scene.room(2)
  const [stays, leaves] = viewers
  const running = await say(leaves, agentId, conversationId, '/stall')
  const waiting = await say(leaves, agentId, conversationId, 'of one who left')

  leaves.close()
  await stays.tells('conversationUpdate', { action: 'left' })
  await cancel(stays, agentId, running.runId)
  const end = await stays.ended(waiting.runId)

  assert.equal(end.state, 'done')
  assert.deepEqual(stays.answers(conversationId), ['of one who left'])
})

test('one whole answer instead of pieces', async () => {
  const { agentId, conversationId, viewers } = await scene.room(1)
  const [v] = viewers

  const single = await converse(v, agentId, conversationId, '/stream 5 a', { responseMode: 'single' })
  const stream = await converse(v, agentId, conversationId, '/stream 5 b', { responseMode: 'stream' })

  assert.deepEqual(v.told('chatEvent', { runId: single.runId }), [])
  assert.ok(v.told('chatEvent', { runId: stream.runId }).length > 0)
  assert.deepEqual(v.answers(conversationId), ['a a a a a', 'b b b b b'])
  assert.equal((await v.denied('chat', agentId, { agentId, conversationId, message: 'x', responseMode: 'loud' })).code, 'INVALID_PAYLOAD')
})

test('an agent that fails is told, and the next run works', async () => {
  const { agentId, conversationId, viewers } = await scene.room(2)
  const [v, other] = viewers

  await start(v, agentId, conversationId, 'doomed', '/crash')
  const end = await other.ended('doomed')
  await start(v, agentId, conversationId, 'fine', 'after it')

  assert.deepEqual([end.state, end.reason], ['failed', 'agent_exited'])
  assert.ok(end.error.length > 0)
  assert.equal((await other.ended('fine')).state, 'done')
})
