// Several people, several conversations: who sees what, and who is there.

import assert from 'node:assert/strict'
import { before, test } from 'node:test'

import { Scene, converse, say } from './lib/scene.mjs'
import { apart, manager } from './lib/server.mjs'
import { assertOrderly, assertRunsEnded } from './lib/viewer.mjs'

let scene
before(async () => (scene = await Scene.open()))

const own = async (v) => (await v.event('connected')).payload

/** A second conversation of that agent, joined by these. */
async function another(agentId, viewers, join = {}) {
  const { conversationId } = await viewers[0].forward('createConversation', agentId, { agentId })
  for (const v of viewers) await v.join(agentId, { conversationId, ...join })
  return conversationId
}

for (const transport of ['websocket', 'polling']) test(`all in a conversation see the same over ${transport}, and nobody else sees any of it`, async () => {
  const { agentId, conversationId, viewers } = await scene.room(2, { transport })
  const outsider = await scene.viewer()
  const elsewhere = await another(agentId, [outsider])

  const { runId } = await say(viewers[1], agentId, conversationId, '/stream 5 secret')
  await Promise.all(viewers.map((v) => v.ended(runId)))
  await converse(outsider, agentId, elsewhere, 'a word of my own')

  assert.deepEqual(viewers[0].entries(conversationId), viewers[1].entries(conversationId))
  const { viewerId } = await own(viewers[1])
  assert.equal(viewers[0].messages(conversationId)[0].viewerId, viewerId)
  assert.equal(viewers[0].told('chatEvent', { runId }).map((e) => e.payload.delta).join(''), 'secret secret secret secret secret')
  const strangers = outsider.events.filter((e) => e.payload?.conversationId === conversationId && e.event !== 'conversationUpdate')
  assert.deepEqual(strangers, [])
})

test('who comes and goes is told to those who are there', async () => {
  const { agentId, conversationId, viewers } = await scene.room(1)
  const [host] = viewers
  const outsider = await scene.viewer()
  await another(agentId, [outsider])
  const guest = await scene.viewer({ auth: { token: scene.server.token, clientKey: 'guest-1' } })

  const joined = await guest.join(agentId, { conversationId, clientType: 'telescope' })
  const came = await host.tells('conversationUpdate', { action: 'joined', viewerId: 'guest-1' })
  await guest.forward('leaveConversation', agentId, { agentId, conversationId })
  const went = await host.tells('conversationUpdate', { action: 'left', viewerId: 'guest-1' })
  await guest.join(agentId, { conversationId, clientType: 'telescope' })
  await host.until((v) => v.told('conversationUpdate', { action: 'joined', viewerId: 'guest-1' }).length === 2)
  guest.close()
  await host.until((v) => v.told('conversationUpdate', { action: 'left', viewerId: 'guest-1' }).length === 2)

  assert.deepEqual([came.clientType, went.clientType], ['telescope', 'telescope'])
  assert.equal(joined.present.length, 1, 'the host is there already')
  assert.equal(came.conversation.clientCount, 2)
  assert.equal(went.conversation.clientCount, 1)
  assert.deepEqual(outsider.told('conversationUpdate', { conversationId, viewerId: 'guest-1' }), [])
})

test('a connection counts, not a person', async () => {
  const { agentId, conversationId } = await scene.room(1)
  const auth = { token: scene.server.token, clientKey: 'twice-here' }
  const [one, two] = [await scene.viewer({ auth }), await scene.viewer({ auth })]
  const count = async () => {
    const { conversations } = await two.forward('listConversations', agentId, { agentId })
    return conversations.find((c) => c.conversationId === conversationId).clientCount
  }

  await one.join(agentId, { conversationId })
  await two.join(agentId, { conversationId })
  assert.equal(await count(), 3)
  one.close()
  await two.tells('conversationUpdate', { action: 'left', viewerId: 'twice-here' })

  assert.equal(await count(), 2)
})

test('a filtered view: the content of one’s own runs, and everybody’s states', async () => {
  const { agentId, conversationId, viewers } = await scene.room(1)
  const [all] = viewers
  const mine = await scene.viewer()
  await converse(all, agentId, conversationId, 'before you came')
  await mine.join(agentId, { conversationId, filter: true })

  const theirs = await converse(all, agentId, conversationId, '/stream 3 theirs')
  const own = await converse(mine, agentId, conversationId, '/stream 3 mine')
  await mine.ended(theirs.runId)
  await all.ended(own.runId)

  const content = (v) => v.events.filter((e) => ['chatMessage', 'chatEvent'].includes(e.event)).map((e) => e.payload.runId)
  assert.deepEqual([...new Set(content(mine))], [own.runId])
  assert.deepEqual(mine.answers(conversationId), ['mine mine mine'])
  for (const { runId } of [theirs, own]) {
    assert.deepEqual(mine.told('runEvent', { runId }), all.told('runEvent', { runId }))
  }
  const stalled = await say(all, agentId, conversationId, '/stall')
  await mine.until((v) => v.told('queueUpdate', { conversationId }).some((q) => q.running[0]?.runId === stalled.runId))
  await mine.forward('cancelRun', agentId, { agentId, runId: stalled.runId })
  await mine.ended(stalled.runId)
  assert.deepEqual(all.answers(conversationId), ['before you came', 'theirs theirs theirs', 'mine mine mine'])
})

test('a filtered view shows everybody’s questions', async () => {
  const { agentId, conversationId, viewers } = await scene.room(1)
  const filtered = await scene.viewer()
  await filtered.join(agentId, { conversationId, filter: true })

  const { runId } = await say(viewers[0], agentId, conversationId, '/ask yes no')
  const { interactionId } = await filtered.tells('interactionRequest', { runId })
  await filtered.forward('respondInteraction', agentId, { agentId, interactionId, value: 'yes' })

  assert.equal((await filtered.ended(runId)).state, 'done')
  await filtered.tells('interactionUpdate', { interactionId, state: 'resolved' })
  assert.deepEqual(filtered.messages(conversationId), [])
})

test('several conversations on one connection, each in its order', async () => {
  const { agentId, conversationId: a, viewers } = await scene.room(2)
  const [v, other] = viewers
  const b = await another(agentId, [v])
  const otherAgent = await scene.agent()
  const { conversationId: c } = await v.join(otherAgent)

  const said = await Promise.all(
    Array.from({ length: 30 }, (_, i) => {
      const [agent, conversation] = [[agentId, a], [agentId, b], [otherAgent, c]][i % 3]
      return say(v, agent, conversation, `/lines ${i % 5}`)
    }),
  )
  await Promise.all(said.map(({ runId }) => v.ended(runId)))

  for (const conversation of [a, b, c]) {
    assertOrderly(v, conversation)
    assertRunsEnded(v, conversation)
    assert.equal(v.messages(conversation).filter((m) => m.from === 'user').length, 10)
  }
  await v.forward('leaveConversation', agentId, { agentId, conversationId: b })
  await say(v, agentId, b, 'not seen')
  await converse(v, agentId, a, 'seen')
  assert.equal(v.messages(b).some((m) => m.text === 'not seen'), false)
  assert.deepEqual(other.entries(b), [])
})

test('conversations of one agent do not wait for each other', async () => {
  const { agentId, conversationId, viewers } = await scene.room(1)
  const [v] = viewers
  const b = await another(agentId, [v])
  const { runId } = await say(v, agentId, conversationId, '/stall')

  const { end } = await converse(v, agentId, b, 'meanwhile')
  await v.forward('cancelRun', agentId, { agentId, runId })

  assert.equal(end.state, 'done')
  assert.equal((await v.ended(runId)).state, 'cancelled')
})

test('logout ends all conversations of that agent, and of no other', async () => {
  const { agentId, conversationId, viewers } = await scene.room(2)
  const [v, other] = viewers
  const b = await another(agentId, [v, other])
  const otherAgent = await scene.agent()
  const { conversationId: kept } = await v.join(otherAgent)

  await v.forward('logout', agentId)
  await other.until((x) => x.told('conversationUpdate', { action: 'left' }).length >= 2)
  for (const conversation of [conversationId, b]) await converse(other, agentId, conversation, 'without you')
  await converse(v, otherAgent, kept, 'with me')

  assert.deepEqual([...v.messages(conversationId), ...v.messages(b)], [])
  assert.equal((await v.denied('leaveConversation', agentId, { agentId, conversationId: b })).code, 'NOT_JOINED')
})

test('a cursor of each conversation: exactly what was missed', async () => {
  const { agentId, conversationId, viewers } = await scene.room(2)
  const [writer, reader] = viewers
  await converse(writer, agentId, conversationId, 'one')
  await reader.until((v) => v.seqs(conversationId).length === 4)
  const [afterSeq, { epoch }] = [reader.seqs(conversationId).at(-1), reader.told('historyEnd', { conversationId })[0]]
  reader.close()
  await converse(writer, agentId, conversationId, 'two')
  const late = await scene.viewer()

  const { end } = await late.join(agentId, { conversationId, afterSeq, epoch })

  assert.deepEqual([end.fromSeq, end.recovered, end.hasMore], [afterSeq + 1, true, false])
  assertOrderly(late, conversationId, afterSeq + 1)
  const newest = await (await scene.viewer()).join(agentId, { conversationId, limit: 3 })
  assert.deepEqual([newest.end.count, newest.end.hasMore], [3, true])
})

test('after a restart of the manager all are back, and nobody is told that they came', async () => {
  const { manager: first, controller, clientId, agentId } = await apart()
  const apartScene = new Scene(controller, clientId)
  const viewers = await Promise.all([apartScene.viewer(), apartScene.viewer()])
  const { conversationId } = await viewers[0].forward('createConversation', agentId, { agentId, name: 'stay' })
  for (const v of viewers) await v.join(agentId, { conversationId, clientType: 'lamp' })
  const ids = await Promise.all(viewers.map(async (v) => (await own(v)).viewerId))
  await viewers[0].tells('conversationUpdate', { action: 'joined', clientType: 'lamp', viewerId: ids[1] })
  // Whether one hears of one's own coming is a matter of luck.
  const ofOthers = () => viewers.map((v, i) => v.told('conversationUpdate').filter((update) => update.viewerId !== ids[i]).length)
  const before = ofOthers()

  await first.kill()
  await manager({ dataDir: first.dataDir, port: first.port })
  await Promise.all(viewers.map((v) => v.event('remoteReconnected')))
  await converse(viewers[0], agentId, conversationId, 'back again')

  const { conversations } = await viewers[1].forward('listConversations', agentId, { agentId, name: 'stay' })
  assert.equal(conversations[0].clientCount, 2)
  assert.deepEqual(ofOthers(), before)
  for (const v of viewers) assertOrderly(v, conversationId)
})
