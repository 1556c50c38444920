// What ends by itself, with the times set short.

import assert from 'node:assert/strict'
import { before, test } from 'node:test'

import { Scene, converse, say } from './lib/scene.mjs'
import { eventually } from './lib/server.mjs'
import { assertOrderly, assertRunsEnded } from './lib/viewer.mjs'

let scene
before(async () => (scene = await Scene.open({ args: ['--viewer-grace=0.5', '--run-timeout=1.5', '--idle-eviction=0.5'] })))

test('nobody is left: what waits ends, what runs goes on to its end, both are stored', async () => {
  const { agentId, conversationId, viewers } = await scene.room(1)
  const [v] = viewers
  const running = await say(v, agentId, conversationId, '/sleep 1200 finished all the same')
  const waiting = await say(v, agentId, conversationId, 'never said')
  v.close()

  const late = await scene.viewer()
  const stored = async (runId) => {
    const page = await late.forward('getHistory', agentId, { agentId, conversationId })
    const end = page.events.map((e) => e.payload).find((p) => p.runId === runId && ['done', 'cancelled', 'failed'].includes(p.state))
    assert.ok(end, `the end of ${runId}`)
    return end
  }
  const [ran, waited] = await Promise.all([running, waiting].map(({ runId }) => eventually(() => stored(runId))))
  await late.join(agentId, { conversationId })

  assert.deepEqual([waited.state, waited.reason], ['cancelled', 'no_clients'])
  assert.equal(ran.state, 'done')
  assert.deepEqual(late.answers(conversationId), ['finished all the same'])
  assertOrderly(late, conversationId)
  assertRunsEnded(late, conversationId)
})

test('who comes back in time finds the queue as it was', async () => {
  const { agentId, conversationId, viewers } = await scene.room(1)
  const [v] = viewers
  const running = await say(v, agentId, conversationId, '/sleep 1000 first')
  const waiting = await say(v, agentId, conversationId, 'second')
  v.close()

  const late = await scene.viewer()
  await late.join(agentId, { conversationId })
  const ends = await Promise.all([running, waiting].map(({ runId }) => late.ended(runId)))

  assert.deepEqual(ends.map((e) => e.state), ['done', 'done'])
})

test('a run takes no longer than it may', async () => {
  const { agentId, conversationId, viewers } = await scene.room(1)
  const [v] = viewers

  const { end } = await converse(v, agentId, conversationId, '/stall')
  const next = await converse(v, agentId, conversationId, 'next')

  assert.deepEqual([end.reason, next.end.state], ['timeout', 'done'])
  assert.ok(end.durationMs >= 1_400)
})

test('a conversation that ends with its maker', async () => {
  const { agentId, conversationId, viewers } = await scene.room(2, { create: { name: 'fleeting', ephemeral: true } })
  const [maker, guest] = viewers
  const watcher = await scene.viewer()
  await watcher.follow(scene.clientId, agentId)
  await converse(guest, agentId, conversationId, 'hello')

  maker.close()
  await watcher.tells('conversationUpdate', { action: 'deleted', conversationId })

  const error = await guest.denied('chat', agentId, { agentId, conversationId, message: 'x' })
  assert.equal(error.code, 'CONVERSATION_NOT_FOUND')
})

test('a conversation that nobody uses is put away, and is there when it is wanted', async () => {
  const { agentId, conversationId, viewers } = await scene.room(1)
  await converse(viewers[0], agentId, conversationId, 'remember me')
  const [before] = viewers
  before.close()
  await new Promise((resolve) => setTimeout(resolve, 1_500)) // The one pause: that nothing happens cannot be waited for.

  const late = await scene.viewer()
  await late.join(agentId, { conversationId })
  await converse(late, agentId, conversationId, 'and on')

  assert.deepEqual(late.answers(conversationId), ['remember me', 'and on'])
  assertOrderly(late, conversationId)
})
