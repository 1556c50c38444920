// What is seen of an answer while it is written, and what nobody else may see.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { before, test } from 'node:test'

import { Scene, converse, say } from './lib/scene.mjs'
import { script, temporary } from './lib/server.mjs'
import { assertOrderly } from './lib/viewer.mjs'

let scene
before(async () => (scene = await Scene.open()))

/** An agent that says one part, waits for a file, and says the other. */
function halting() {
  const go = path.join(temporary(), 'go')
  const text = `while read x; do echo one; while [ ! -e ${go} ]; do sleep 0.02; done; echo two; echo END; done`
  return { go: () => writeFileSync(go, ''), spec: script('halting', text, { sentinel: '^END$' }) }
}

const pieces = (v, runId) => v.told('chatEvent', { runId }).filter((e) => e.sequence !== undefined)

/** The text that these pieces say together; a snapshot replaces what was before. */
const said = (events) => events.reduce((text, { payload }) => payload.text ?? text + payload.delta, '')

test('what an agent does within a turn is stored, in order, and replayed as it was', async () => {
  const { agentId, conversationId, viewers } = await scene.room(2)
  const [v, other] = viewers

  const { runId } = await converse(v, agentId, conversationId, '/tool')
  await other.ended(runId)
  const late = await scene.viewer()
  await late.join(agentId, { conversationId })

  const kinds = v.told('chatEvent', { runId }).filter((e) => e.seq).map((e) => e.kind)
  for (const kind of ['toolCall', 'toolResult']) assert.ok(kinds.includes(kind), `${kind} of ${kinds}`)
  const [call, result] = ['toolCall', 'toolResult'].map((kind) => v.told('chatEvent', { runId, kind })[0])
  assert.equal(call.payload.id, result.payload.id)
  assert.ok(call.seq < result.seq)
  assert.deepEqual(late.entries(conversationId), v.entries(conversationId))
  assertOrderly(late, conversationId)
})

test('who comes in the middle gets the text so far, and then what follows', async () => {
  const { go, spec } = halting()
  const { agentId, conversationId, viewers } = await scene.room(1, { spec })
  const [v] = viewers
  const { runId } = await say(v, agentId, conversationId, 'begin')
  await v.until((x) => said(pieces(x, runId)).includes('one'))

  const late = await scene.viewer()
  await late.join(agentId, { conversationId })
  const snapshot = await late.tells('chatEvent', { runId, kind: 'assistantSnapshot' })
  go()
  await Promise.all([v, late].map((x) => x.ended(runId)))

  assert.equal(snapshot.payload.text.trim(), 'one')
  const whole = v.answers(conversationId).join('')
  assert.deepEqual(whole.trim().split('\n'), ['one', 'two'])
  assert.equal(said(pieces(v, runId)).trim(), whole.trim())
  assert.equal(said(pieces(late, runId)).trim(), whole.trim())
  assert.equal(pieces(late, runId).filter((e) => e.kind === 'assistantSnapshot').length, 1)
  assert.deepEqual(late.entries(conversationId), v.entries(conversationId))
})

test('a snapshot is not told when the answer is there', async () => {
  const { agentId, conversationId, viewers } = await scene.room(1)
  await converse(viewers[0], agentId, conversationId, '/stream 10 abc')
  const late = await scene.viewer()

  await late.join(agentId, { conversationId })
  await converse(late, agentId, conversationId, 'plain')

  assert.deepEqual(late.told('chatEvent', { kind: 'assistantSnapshot' }), [])
})

test('an ephemeral chat is seen by who asked, on that connection, and stored nowhere', async () => {
  const { agentId, conversationId } = await scene.room(1)
  const auth = { token: scene.server.token, clientKey: 'one-person' }
  const [asker, sameViewer, other] = [await scene.viewer({ auth }), await scene.viewer({ auth }), await scene.viewer()]
  for (const v of [asker, sameViewer, other]) await v.join(agentId, { conversationId })

  const quiet = (more) => asker.call('forward', { event: 'chat', agentId, payload: { agentId, conversationId, ephemeral: true, ...more } })
  for (const message of ['/stream 4 hush', '/tool', '/crash']) {
    const { data } = await quiet({ message })
    await asker.ended(data.runId)
  }
  await converse(asker, agentId, conversationId, 'aloud')
  const aloud = await other.until((v) => v.told('runEvent', { state: 'done' })[0])
  await sameViewer.ended(aloud.runId)

  const { connectionId } = (await asker.event('connected')).payload
  const hushed = asker.events.filter((e) => e.forwarded && e.payload?.runId && e.payload.runId !== aloud.runId)
  assert.ok(hushed.length > 0)
  for (const { payload } of hushed) {
    assert.equal(payload.seq, undefined)
    assert.equal(payload.connectionId, connectionId)
  }
  const [streamed] = hushed.filter((e) => e.event === 'chatMessage' && e.payload.from === 'agent')
  assert.equal(streamed.payload.response.result, 'hush hush hush hush')
  assert.equal(said(pieces(asker, streamed.payload.runId)), 'hush hush hush hush')
  assert.ok(hushed.some((e) => e.event === 'chatEvent' && e.payload.kind === 'toolCall'))
  for (const v of [sameViewer, other]) {
    assert.deepEqual(v.events.filter((e) => e.payload?.runId && e.payload.runId !== aloud.runId), [])
  }
  assertOrderly(other, conversationId)
  const page = await other.forward('getHistory', agentId, { agentId, conversationId })
  assert.equal(JSON.stringify(page).includes('hush'), false)
  assert.equal(page.headSeq, 4)
})

test('an ephemeral run does not wait, and is cancelled like any other', async () => {
  const { agentId, conversationId, viewers } = await scene.room(2)
  const [v, other] = viewers
  const busy = await say(v, agentId, conversationId, '/stall')

  const { runId } = await say(v, agentId, conversationId, '/stall', { ephemeral: true })
  await v.tells('runEvent', { runId, state: 'started' })
  await v.forward('cancelRun', agentId, { agentId, runId })
  const end = await v.ended(runId)
  await v.forward('cancelRun', agentId, { agentId, runId: busy.runId })
  await other.ended(busy.runId)

  assert.deepEqual([end.state, end.reason], ['cancelled', 'user'])
  assert.deepEqual(other.told('runEvent', { runId }), [])
})

test('what an agent says unasked is everybody’s, and of no run', async () => {
  const { agentId, conversationId, viewers } = await scene.room(2)

  await say(viewers[0], agentId, conversationId, '/say hello there')
  for (const v of viewers) {
    const unasked = await v.until((x) => x.messages(conversationId).find((m) => m.from === 'agent' && m.runId === undefined))
    assert.equal(unasked.response.result, 'hello there')
    assertOrderly(v, conversationId)
  }
})

test('a viewer that stops reading in the middle gets the whole with the message', async () => {
  const { agentId, conversationId, viewers } = await scene.room(2)
  const [v, slow] = viewers
  const tcp = slow.socket.io.engine.transport.ws._socket
  tcp.pause()

  const { runId } = await converse(v, agentId, conversationId, '/flood 3000 2000')
  tcp.resume()
  await slow.ended(runId)

  const text = said(pieces(slow, runId))
  // What the message supersedes is not told any more.
  assert.ok(text.length <= 3000 * 2000 && /^x*$/.test(text))
  assert.deepEqual(slow.entries(conversationId), v.entries(conversationId))
})
