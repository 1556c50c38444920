// History: pages, one side of it, cleared, put in, taken out.

import assert from 'node:assert/strict'
import { before, test } from 'node:test'

import { Scene, converse, say } from './lib/scene.mjs'
import { assertOrderly, assertRunsEnded } from './lib/viewer.mjs'

let scene
before(async () => (scene = await Scene.open()))

/** A room in which so many messages were answered; four entries each. */
async function written(count, viewers = 2) {
  const room = await scene.room(viewers)
  for (let i = 0; i < count; i += 1) await converse(room.viewers[0], room.agentId, room.conversationId, `line ${i}`)
  const page = (more) => room.viewers[0].forward('getHistory', room.agentId, { agentId: room.agentId, conversationId: room.conversationId, ...more })
  return { ...room, page }
}

const seqs = ({ events }) => events.map((e) => e.payload.seq)

test('pages in both directions meet, and are the events as they were live', async () => {
  const { page, viewers, conversationId } = await written(5)
  const [v] = viewers
  const live = v.entries(conversationId).map(({ event, payload }) => ({ event, payload }))

  const up = []
  for (let beforeSeq; ; ) {
    const { events, hasMore } = await page({ limit: 6, beforeSeq })
    up.unshift(...events)
    beforeSeq = events[0].payload.seq
    if (!hasMore) break
  }
  const down = []
  for (let afterSeq = 0; ; ) {
    const { events, hasMore } = await page({ limit: 6, afterSeq })
    down.push(...events)
    afterSeq = events.at(-1).payload.seq
    if (!hasMore) break
  }

  assert.deepEqual(up, live)
  assert.deepEqual(down, live)
  assert.deepEqual(seqs(await page({ afterSeq: 20 })), [])
  assert.deepEqual(seqs(await page({ beforeSeq: 1 })), [])
})

test('one side of it', async () => {
  const { page } = await written(3)

  const [users, agents] = [await page({ role: 'user' }), await page({ role: 'agent', limit: 2 })]

  assert.deepEqual(users.events.map((e) => e.payload.text), ['line 0', 'line 1', 'line 2'])
  assert.deepEqual(agents.events.map((e) => e.payload.response.result), ['line 1', 'line 2'])
  assert.deepEqual([users.hasMore, agents.hasMore], [false, true])
})

test('pages that are none', async () => {
  const { agentId, conversationId, viewers } = await scene.room(1)

  for (const wrong of [{ limit: 0 }, { limit: 501 }, { limit: -1 }, { limit: 1.5 }, { beforeSeq: -1 }, { afterSeq: 'x' }, { role: 'nobody' }]) {
    const error = await viewers[0].denied('getHistory', agentId, { agentId, conversationId, ...wrong })
    assert.equal(error.code, 'INVALID_PAYLOAD', JSON.stringify(wrong))
  }
})

test('cleared: a new life for all who look at it, and what is open goes on', async () => {
  const { agentId, conversationId, viewers, page } = await written(3)
  const [v, other] = viewers
  const { epoch: old } = await page({})
  const running = await say(v, agentId, conversationId, '/stall')
  await other.tells('runEvent', { runId: running.runId, state: 'started' })
  const from = viewers.map((x) => x.events.length)

  const cleared = await other.forward('clearHistory', agentId, { agentId, conversationId })
  const since = (x) => x.events.slice(from[viewers.indexOf(x)])
  const ends = await Promise.all(
    viewers.map((x) => x.until(() => since(x).find((e) => e.event === 'historyEnd' && e.payload.epoch === cleared.epoch))),
  )
  await v.forward('cancelRun', agentId, { agentId, runId: running.runId })
  await Promise.all(viewers.map((x) => x.ended(running.runId)))
  await converse(v, agentId, conversationId, 'in the new life')
  await other.until((x) => x.answers(conversationId).includes('in the new life'))

  assert.notEqual(cleared.epoch, old)
  for (const { payload } of ends) assert.equal(payload.recovered, false)
  for (const x of viewers) {
    assert.equal((await x.tells('conversationUpdate', { action: 'cleared', conversationId })).epoch, cleared.epoch)
    const fresh = since(x).filter((e) => e.forwarded && e.payload?.conversationId === conversationId && e.payload.seq)
    assert.deepEqual(fresh.map((e) => e.payload.seq), fresh.map((_, i) => i + 1))
    assert.equal(fresh.some((e) => /^line \d/.test(e.payload.text ?? '')), false)
  }
  const { events, epoch } = await page({})
  assert.equal(epoch, cleared.epoch)
  assert.equal(JSON.stringify(events).includes('line 0'), false)
  const late = await scene.viewer()
  const { end } = await late.join(agentId, { conversationId, afterSeq: 12, epoch: old })
  assert.equal(end.recovered, false)
  assertOrderly(late, conversationId)
  assertRunsEnded(late, conversationId)
})

test('put in: messages of elsewhere, all or none, once', async () => {
  const { agentId, conversationId, viewers } = await scene.room(2)
  const [v, other] = viewers
  const messages = [
    { from: 'user', text: 'what is it?', timestamp: '2024-02-29T12:00:00.000Z', messageId: 'old-1' },
    { from: 'agent', text: 'a boat', timestamp: '2024-02-29T12:00:01.000Z', messageId: 'old-2' },
  ]
  const insert = (list) => v.forward('insertHistory', agentId, { agentId, conversationId, messages: list })

  const first = await insert(messages)
  const again = await insert(messages)
  await other.until((x) => x.messages(conversationId).length === 2)
  const { end } = await converse(v, agentId, conversationId, 'and on')

  assert.deepEqual([first, again.count], [{ fromSeq: 1, count: 2 }, 0])
  assert.equal(end.state, 'done')
  await other.until((x) => x.answers(conversationId).length === 2)
  const shown = other.messages(conversationId).map((m) => [m.from, m.text ?? m.response.result, m.timestamp])
  assert.deepEqual(shown.slice(0, 2), messages.map((m) => [m.from, m.text, m.timestamp]))
  assert.deepEqual(shown.slice(2).map((m) => m[1]), ['and on', 'and on'])
  assertOrderly(other, conversationId)

  const fine = { from: 'user', text: 'fine' }
  const bad = [[], [fine, { from: 'nobody', text: 'x' }], [fine, { from: 'user', text: '' }], [fine, { from: 'user' }], [fine, { ...fine, timestamp: 'noon' }], Array(501).fill(fine), 'x']
  for (const list of bad) {
    const error = await v.denied('insertHistory', agentId, { agentId, conversationId, messages: list })
    assert.equal(error.code, 'INVALID_PAYLOAD', JSON.stringify(list).slice(0, 80))
  }
  assert.equal((await v.forward('getHistory', agentId, { agentId, conversationId, role: 'user' })).events.length, 2)
})

test('what was put in is found', async () => {
  const { agentId, conversationId, viewers } = await scene.room(1)
  const messages = [{ from: 'agent', text: 'the quick brown heron' }]

  await viewers[0].forward('insertHistory', agentId, { agentId, conversationId, messages })
  const { results } = await viewers[0].forward('searchConversations', agentId, { agentId, query: 'heron quick' })

  assert.deepEqual(results.map((r) => r.conversation.conversationId), [conversationId])
})

test('retention: only so many entries are kept', async () => {
  const { agentId, conversationId, viewers } = await scene.room(1, { spec: { retention: { maxEntries: 10 } } })
  const [v] = viewers
  for (let i = 0; i < 6; i += 1) await converse(v, agentId, conversationId, `line ${i}`)
  assertOrderly(v, conversationId)
  const page = await v.forward('getHistory', agentId, { agentId, conversationId })
  assert.equal(page.headSeq, 24)
})

test('a conversation is taken out, as lines of JSON and to read', async () => {
  const { agentId, conversationId, viewers } = await written(2)
  const base = `${scene.server.controller}/api/clients/${scene.clientId}/agents/${agentId}/conversations/${conversationId}/export`
  const headers = { authorization: `Bearer ${scene.server.token}` }

  const lines = await fetch(`${base}?format=jsonl`, { headers })
  const markdown = await fetch(`${base}?format=markdown`, { headers })

  const entries = (await lines.text()).trim().split('\n').map((line) => JSON.parse(line))
  assert.deepEqual(entries, viewers[0].entries(conversationId).map(({ event, payload }) => ({ event, payload })))
  const text = await markdown.text()
  for (const said of ['line 0', 'line 1']) assert.ok(text.includes(said))
  assert.match(markdown.headers.get('content-type'), /^text\/markdown/)
  assert.equal((await fetch(`${base}?format=jsonl`)).status, 401)
  assert.equal((await fetch(base.replace(conversationId, 'cv_nobody'), { headers })).status, 404)
  const telepathy = await fetch(`${base}?format=telepathy`, { headers })
  assert.equal(telepathy.status, 400)
  assert.equal((await telepathy.json()).error.code, 'INVALID_PAYLOAD')
})
