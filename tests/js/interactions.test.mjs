// An agent asks: everybody sees it, the first answer counts, once.

import assert from 'node:assert/strict'
import { before, test } from 'node:test'

import { Scene, say } from './lib/scene.mjs'
import { addAgent, apart, controller, eventually, manager, script } from './lib/server.mjs'
import { assertOrderly, assertRunsEnded } from './lib/viewer.mjs'

let scene
before(async () => (scene = await Scene.open()))

const answer = (v, agentId, interactionId, value) =>
  v.call('forward', { event: 'respondInteraction', agentId, payload: { agentId, interactionId, value } })

/** Two browsers that see a question; the second of them did not cause it. */
async function asked(message = '/ask red green', count = 2) {
  const room = await scene.room(count)
  const { agentId, conversationId, viewers } = room
  const { runId } = await say(viewers[0], agentId, conversationId, message)
  const requests = await Promise.all(viewers.map((v) => v.tells('interactionRequest', { runId })))
  return { ...room, runId, request: requests.at(-1), interactionId: requests[0].interactionId }
}

const states = (v, runId) => v.told('runEvent', { runId }).map((e) => e.state)

test('a question is seen by all, and the answer goes to the agent', async () => {
  const { agentId, conversationId, viewers, runId, request, interactionId } = await asked()
  const [asker, other] = viewers

  const accepted = await answer(other, agentId, interactionId, 'green')
  await Promise.all(viewers.map((v) => v.ended(runId)))

  assert.deepEqual([request.type, request.choices], ['question', ['red', 'green']])
  assert.ok(Date.parse(request.expiresAt) - Date.parse(request.timestamp) > 500_000)
  assert.deepEqual([accepted.success, accepted.data], [true, { state: 'resolved' }])
  const { viewerId } = (await other.event('connected')).payload
  for (const v of viewers) {
    const [update, ...more] = v.told('interactionUpdate', { interactionId })
    assert.deepEqual([update.state, update.value, update.viewerId, more], ['resolved', 'green', viewerId, []])
    assert.deepEqual(states(v, runId), ['started', 'blocked', 'resumed', 'done'])
    assert.match(v.answers(conversationId).at(-1), /green/)
    assertOrderly(v, conversationId)
  }
  assert.deepEqual(asker.entries(conversationId), other.entries(conversationId))
})

test('of many answers at once, one counts', async () => {
  const { agentId, conversationId, viewers, runId, interactionId } = await asked('/ask red green', 8)

  const answers = await Promise.all(viewers.map((v, i) => answer(v, agentId, interactionId, i % 2 ? 'red' : 'green')))
  await Promise.all(viewers.map((v) => v.ended(runId)))

  const won = answers.flatMap((a, i) => (a.success ? [i] : []))
  assert.equal(won.length, 1)
  assert.deepEqual(
    answers.filter((a) => !a.success).map((a) => a.error.code),
    Array(7).fill('ALREADY_ANSWERED'),
  )
  const { viewerId } = (await viewers[won[0]].event('connected')).payload
  for (const v of viewers) {
    const updates = v.told('interactionUpdate', { interactionId })
    assert.deepEqual(updates.map((u) => [u.viewerId, u.value]), [[viewerId, won[0] % 2 ? 'red' : 'green']])
  }
  assertRunsEnded(viewers[0], conversationId)
})

test('answers that are none', async () => {
  const { agentId, viewers, runId, interactionId } = await asked()
  const [v] = viewers
  const respond = (payload) => v.denied('respondInteraction', agentId, { agentId, ...payload })

  for (const value of ['blue', '', 7, null, ['red'], { red: true }, undefined]) {
    assert.equal((await respond({ interactionId, value })).code, 'INVALID_PAYLOAD', JSON.stringify(value))
  }
  assert.equal((await respond({ interactionId: 'in_nobody', value: 'red' })).code, 'INTERACTION_NOT_FOUND')
  for (const id of ['../in', '', 7]) assert.equal((await respond({ interactionId: id, value: 'red' })).code, 'INVALID_PAYLOAD')
  assert.equal((await answer(v, agentId, interactionId, 'red')).success, true)
  await v.ended(runId)
  const twice = await respond({ interactionId, value: 'red' })

  assert.equal(twice.code, 'ALREADY_ANSWERED')
})

test('nobody has to answer: a question may be declined', async () => {
  const { agentId, viewers, runId, interactionId } = await asked()

  const data = await viewers[1].forward('respondInteraction', agentId, { agentId, interactionId, cancel: true })
  const update = await viewers[0].tells('interactionUpdate', { interactionId })

  assert.deepEqual([data.state, update.state, update.value], ['cancelled', 'cancelled', undefined])
  await viewers[0].ended(runId)
})

test('a question ends with its run', async () => {
  const { agentId, conversationId, viewers, runId, interactionId } = await asked()

  await viewers[0].forward('cancelRun', agentId, { agentId, runId })
  const end = await viewers[1].ended(runId)
  const update = await viewers[1].tells('interactionUpdate', { interactionId })

  assert.deepEqual([end.state, update.state], ['cancelled', 'cancelled'])
  assert.equal((await answer(viewers[0], agentId, interactionId, 'red')).error.code, 'ALREADY_ANSWERED')
  assertOrderly(viewers[0], conversationId)
})

test('who comes later finds what is asked, until it is answered', async () => {
  const { agentId, conversationId, viewers, runId, request, interactionId } = await asked()
  const [late, later] = [await scene.viewer(), await scene.viewer()]

  const joined = await late.join(agentId, { conversationId })
  const { agents } = await late.forward('listAgents', agentId, {})
  assert.equal((await answer(late, agentId, interactionId, 'red')).success, true)
  await Promise.all([late, ...viewers].map((v) => v.ended(runId)))
  const after = await later.join(agentId, { conversationId })

  assert.deepEqual(joined.interactions, [request])
  assert.deepEqual(joined.queue.running.map((r) => [r.runId, r.blocked]), [[runId, true]])
  assert.equal(agents.find((a) => a.agentId === agentId).state, 'blocked')
  assert.deepEqual([after.interactions, after.queue.running], [[], []])
  assert.deepEqual(later.told('interactionRequest'), [request])
})

test('nobody answers in time', async () => {
  const { conversationId, viewers, runId, request, interactionId } = await asked('/asktext 1000')
  const [v] = viewers

  const update = await v.tells('interactionUpdate', { interactionId })
  const late = await answer(v, request.agentId, interactionId, 'too late')
  await v.ended(runId)

  assert.equal(request.type, 'text')
  assert.ok(Date.parse(request.expiresAt) - Date.parse(request.timestamp) <= 1_500)
  assert.deepEqual([update.state, update.viewerId], ['timedOut', undefined])
  assert.equal(late.error.code, 'ALREADY_ANSWERED')
  assertOrderly(v, conversationId)
  assertRunsEnded(v, conversationId)
})

test('a text is any text', async () => {
  const { agentId, conversationId, viewers, runId, interactionId } = await asked('/asktext 60000')
  const text = 'line one\nline "two" 🛶'

  assert.equal((await answer(viewers[1], agentId, interactionId, text)).success, true)
  await viewers[0].ended(runId)

  assert.equal(viewers[0].told('interactionUpdate', { interactionId })[0].value, text)
  assert.ok(viewers[0].answers(conversationId).at(-1).includes(text))
})

test('a question outlives the controller', async () => {
  const { controller: first, clientId, agentId } = await apart()
  const asker = await new Scene(first, clientId).viewer({ reconnection: false })
  const { conversationId } = await asker.join(agentId)
  const { runId } = await say(asker, agentId, conversationId, '/ask yes no')
  const { interactionId } = await asker.tells('interactionRequest', { runId })

  await first.kill()
  const second = await controller({ dataDir: first.dataDir, port: first.port })
  const v = await new Scene(second, clientId).viewer()
  const joined = await eventually(() => v.join(agentId, { conversationId }))
  const answered = await answer(v, agentId, interactionId, 'yes')

  assert.deepEqual(joined.interactions.map((i) => i.interactionId), [interactionId])
  assert.equal(answered.success, true)
  assert.equal((await v.ended(runId)).state, 'done')
  assertOrderly(v, conversationId)
})

test('a question outlives the manager, though not its run, and the answer comes late', async () => {
  const { manager: first, controller: c, clientId, agentId } = await apart()
  const v = await new Scene(c, clientId).viewer()
  const { conversationId } = await v.join(agentId)
  const { runId } = await say(v, agentId, conversationId, '/ask yes no')
  const { interactionId } = await v.tells('interactionRequest', { runId })

  await first.kill()
  await manager({ dataDir: first.dataDir, port: first.port })
  const end = await v.ended(runId)
  await v.event('remoteReconnected')
  const late = await new Scene(c, clientId).viewer()
  const joined = await late.join(agentId, { conversationId })
  const answers = await Promise.all([v, late].map((x) => answer(x, agentId, interactionId, 'yes')))
  await Promise.all([v, late].map((x) => x.until((y) => y.answers(conversationId).includes('late answer: resolved yes'))))

  assert.deepEqual([end.state, end.reason], ['failed', 'server_restart'])
  assert.deepEqual(joined.interactions.map((i) => i.interactionId), [interactionId])
  assert.deepEqual(answers.map((a) => a.success || a.error.code).sort(), ['ALREADY_ANSWERED', true])
  for (const x of [v, late]) {
    assert.deepEqual(x.told('interactionUpdate', { interactionId }).map((u) => u.state), ['resolved'])
    assertOrderly(x, conversationId)
    assertRunsEnded(x, conversationId)
  }
})

test('what is asked outside of a run outlives the manager', async () => {
  const { manager: first, controller: c, clientId } = await apart()
  const ask = '{"type":"ask","interactionId":"q1","kind":"form","message":"Who?","fields":["name"]}'
  const spec = script('curious', `while read x; do case "$x" in *answer*) echo "got $x";; *) echo ok; sleep 0.5; echo '${ask}';; esac; done`, {
    quietMs: 50,
  })
  const { agentId } = await addAgent(c, clientId, spec)
  const v = await new Scene(c, clientId).viewer()
  const { conversationId } = await v.join(agentId)
  const { runId } = await say(v, agentId, conversationId, 'hello')
  await v.ended(runId)
  const { interactionId, fields } = await v.tells('interactionRequest', { type: 'form' })

  await first.kill()
  await manager({ dataDir: first.dataDir, port: first.port })
  await v.event('remoteReconnected')
  const late = await new Scene(c, clientId).viewer()
  const joined = await late.join(agentId, { conversationId })
  const bad = await answer(late, agentId, interactionId, { age: '7' })
  const answered = await answer(late, agentId, interactionId, { name: 'Ann' })
  const heard = await late.until((x) => x.answers(conversationId).find((text) => text.includes('got')))

  assert.deepEqual(joined.interactions.map((i) => [i.interactionId, i.fields]), [[interactionId, fields]])
  assert.equal(bad.error.code, 'INVALID_PAYLOAD')
  assert.equal(answered.success, true)
  const told = JSON.parse(/got (.*)/.exec(heard)[1])
  assert.deepEqual(told, { type: 'answer', interactionId: 'q1', state: 'resolved', value: { name: 'Ann' } })
  assertOrderly(late, conversationId)
})
