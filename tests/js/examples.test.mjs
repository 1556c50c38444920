// The programs in examples/ do what their heads say.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { before, test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { up } from './lib/server.mjs'

let server
before(async () => (server = await up()))

/** Runs an example against the server. */
async function run(program, args) {
  const file = fileURLToPath(new URL(`../../examples/${program}`, import.meta.url))
  const where = ['--url', server.controller, '--token', server.token, '--client', server.info.clientId]
  const child = spawn(process.execPath, [file, ...where, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const out = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr']) child[stream].on('data', (data) => (out[stream] += data))
  const [code] = await once(child, 'close')
  return { ...out, code }
}

test('two runs: one is cancelled, the other one answers', async () => {
  const { stdout, stderr, code } = await run('two-runs.mjs', ['--agent', server.agent('echo')])

  assert.equal(code, 0, stderr)
  const events = stdout.trim().split('\n').map((line) => JSON.parse(line))
  const ends = events.filter((e) => e.event === 'runEvent' && ['done', 'cancelled', 'failed'].includes(e.payload.state))
  assert.deepEqual(ends.map((e) => e.payload.state).sort(), ['cancelled', 'done'])
  assert.equal(new Set(ends.map((e) => e.payload.runId)).size, 2)
  const answer = events.find((e) => e.event === 'chatMessage' && e.payload.from === 'agent')
  assert.equal(answer.payload.response.result, 'hello hello hello hello hello')
})

test('two runs: an agent that is not there', async () => {
  const { stderr, code } = await run('two-runs.mjs', ['--agent', 'ag_nobody'])

  assert.equal(code, 1)
  assert.match(stderr, /^forward: [A-Z_]+: .+\n$/)
})
