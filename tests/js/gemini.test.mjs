// A real agent program, Gemini CLI over the Agent Client Protocol, with a stand-in for its model only.

import assert from 'node:assert/strict'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { before, test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { model } from './lib/model.mjs'
import { Scene, converse, say } from './lib/scene.mjs'
import { temporary } from './lib/server.mjs'

const GEMINI = fileURLToPath(new URL('node_modules/@google/gemini-cli/bundle/gemini.js', import.meta.url))

let scene, base
before(async () => ([scene, base] = await Promise.all([Scene.open(), model()])))

/** A Gemini CLI with settings of its own. */
function gemini(args, codec, more = {}) {
  const home = temporary()
  mkdirSync(path.join(home, '.gemini'))
  const settings = { security: { auth: { selectedType: 'gemini-api-key' } }, general: { disableAutoUpdate: true }, privacy: { usageStatisticsEnabled: false } }
  writeFileSync(path.join(home, '.gemini/settings.json'), JSON.stringify(settings))
  const env = { HOME: home, GOOGLE_GEMINI_BASE_URL: base, GEMINI_CLI_TRUST_WORKSPACE: 'true', ...more }
  return { codec, host: { type: 'process', command: 'node', args: [GEMINI, ...args], env } }
}

const KEY = { GEMINI_API_KEY: 'placeholder' }

test('gemini answers, asks before it acts, and can be cancelled', async () => {
  const spec = gemini(['--acp'], { type: 'acp' }, KEY)
  const { agentId, conversationId, viewers } = await scene.room(1, { spec })
  const [v] = viewers

  const hello = await converse(v, agentId, conversationId, 'hello')
  assert.deepEqual([hello.end.state, v.answers(conversationId)], ['done', ['Hello from a model']])
  assert.equal(hello.end.usage.outputTokens, 7)

  for (const [fits, made] of [[/^Reject$/, false], [/^Allow$/, true]]) {
    const { runId } = await say(v, agentId, conversationId, 'make a file')
    const { interactionId, choices, message } = await v.tells('interactionRequest', { runId })
    assert.match(message, /echo made > made.txt/)
    const value = choices.find((choice) => fits.test(choice))
    await v.forward('respondInteraction', agentId, { agentId, interactionId, value })
    await v.ended(runId)
    const file = path.join(scene.server.dataDir, 'agents', agentId, 'made.txt')
    assert.equal(existsSync(file), made, `${value}: ${file}`)
  }

  const { runId } = await say(v, agentId, conversationId, 'count slowly')
  await v.tells('chatEvent', { runId, kind: 'assistantDelta' })
  await v.forward('cancelRun', agentId, { runId })
  assert.equal((await v.ended(runId)).state, 'cancelled')
  assert.equal((await converse(v, agentId, conversationId, 'hello')).end.state, 'done')
})

test('gemini without credentials says what it needs', async () => {
  const { agentId, conversationId, viewers } = await scene.room(1, { spec: gemini(['--acp'], { type: 'acp' }) })

  const { end } = await converse(viewers[0], agentId, conversationId, 'hello')

  assert.deepEqual([end.state, end.reason], ['failed', 'agent_unavailable'])
  assert.match(end.error, /logged in first.*API key/)
})

test('gemini for each turn goes on with its session', async () => {
  const spec = gemini(['--output-format', 'stream-json', '{resume}'], { type: 'oneshot', format: 'gemini' }, KEY)
  const { agentId, conversationId, viewers } = await scene.room(1, { spec })
  const [v] = viewers

  for (const turn of [1, 2]) {
    const { end } = await converse(v, agentId, conversationId, 'hello')
    assert.equal(end.state, 'done', JSON.stringify([turn, end]))
  }

  assert.deepEqual(v.answers(conversationId), ['Hello from a model', 'Hello from a model'])
})
