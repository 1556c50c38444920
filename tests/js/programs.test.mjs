// Agent programs through all tiers, as tests/agents plays them: what people see is the same for all.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { before, test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { Scene, converse, say } from './lib/scene.mjs'
import { addAgent, cli, controller, eventually, manager, register, temporary, up } from './lib/server.mjs'
import { Viewer, assertOrderly, assertRunsEnded } from './lib/viewer.mjs'

const agents = fileURLToPath(new URL('../agents', import.meta.url))

/** An agent's configuration; everything that its program reads is written to `log`. */
function fake(codec, script, args = [], more = {}) {
  const env = { FAKE_LOG: path.join(temporary(), 'log') }
  const host = { type: 'process', command: 'node', args: [path.join(agents, script), ...args], env }
  return { codec, host, ...more }
}

const TALKING = {
  acp: (more) => fake({ type: 'acp' }, 'acp.mjs', [], more),
  claude: (more) => fake({ type: 'claude' }, 'claude.mjs', [], more),
  codex: (more) => fake({ type: 'codex' }, 'codex.mjs', [], more),
}

const FOR_EACH_TURN = {
  codex: ['exec', '--json', '{resume}', '-'],
  gemini: ['--output-format', 'stream-json', '{resume}'],
  opencode: ['run', '--format', 'json', '{resume}'],
  claude: ['-p', '--output-format', 'stream-json', '--verbose', '{resume}'],
}

let scene
before(async () => (scene = await Scene.open()))

const kinds = (v, runId) => v.told('chatEvent', { runId }).filter((e) => e.seq).map((e) => e.kind)

/** Answers what is asked in a run, with the first choice that fits. */
async function permit(v, agentId, runId, fits) {
  const { interactionId, choices } = await v.tells('interactionRequest', { runId })
  const value = choices.find((choice) => fits.test(choice))
  return v.forward('respondInteraction', agentId, { agentId, interactionId, value })
}

for (const [name, spec] of Object.entries(TALKING)) {
  test(`${name}: a turn is streamed to all, and stored once`, async () => {
    const { agentId, conversationId, viewers } = await scene.room(2, { spec: spec() })

    const { runId, end } = await converse(viewers[0], agentId, conversationId, 'say Hello from a model')
    await viewers[1].ended(runId)

    assert.equal(end.state, 'done')
    assert.ok(end.usage.outputTokens > 0, JSON.stringify(end))
    for (const v of viewers) {
      assert.deepEqual(v.answers(conversationId), ['Hello from a model'])
      const deltas = v.told('chatEvent', { runId, kind: 'assistantDelta' }).map((e) => e.payload.delta)
      assert.equal(deltas.join(''), 'Hello from a model')
      assertOrderly(v, conversationId)
    }
  })

  test(`${name}: tools and thoughts are entries in their place`, async () => {
    const { agentId, conversationId, viewers } = await scene.room(1, { spec: spec() })
    const [v] = viewers

    const tool = await converse(v, agentId, conversationId, 'tool')
    const thought = await converse(v, agentId, conversationId, 'think')

    assert.deepEqual(kinds(v, tool.runId).filter((kind) => kind.startsWith('tool')), ['toolCall', 'toolResult'])
    const [call] = v.told('chatEvent', { runId: tool.runId, kind: 'toolCall' })
    const [result] = v.told('chatEvent', { runId: tool.runId, kind: 'toolResult' })
    assert.equal(call.payload.id, result.payload.id)
    assert.ok(call.seq < result.seq)
    assert.ok(kinds(v, thought.runId).includes('thinking'))
    assertRunsEnded(v, conversationId)
  })

  test(`${name}: one of many people allows or denies what it wants to do`, async () => {
    const { agentId, conversationId, viewers } = await scene.room(2, { spec: spec() })
    const [asker, other] = viewers

    for (const [fits, answer] of [[/^Allow$/, 'allowed: once'], [/^(Deny|Reject)$/, 'denied']]) {
      const { runId } = await say(asker, agentId, conversationId, 'ask')
      await permit(other, agentId, runId, fits)
      await Promise.all(viewers.map((v) => v.ended(runId)))
      for (const v of viewers) {
        assert.equal(v.answers(conversationId).at(-1), answer)
        assert.deepEqual(v.told('runEvent', { runId }).map((e) => e.state), ['started', 'blocked', 'resumed', 'done'])
      }
    }
  })

  test(`${name}: nothing is allowed by itself, and a policy says what it allowed`, async () => {
    const approvals = { policy: 'allowRead', timeoutSecs: 1 }
    const { agentId, conversationId, viewers } = await scene.room(1, { spec: spec({ approvals }) })
    const [v] = viewers

    const read = await converse(v, agentId, conversationId, 'read')
    const timedOut = await converse(v, agentId, conversationId, 'ask')

    // Codex does not say what only reads.
    const reads = name !== 'codex'
    assert.deepEqual(v.answers(conversationId), [reads ? 'allowed: once' : 'denied', 'denied'])
    const said = v.told('chatEvent', { runId: read.runId, kind: 'status' }).map((e) => e.payload.message)
    assert.equal(said.some((message) => message.includes('by policy')), reads, JSON.stringify(said))
    assert.equal(v.told('interactionUpdate', { runId: timedOut.runId })[0].state, 'timedOut')
  })

  test(`${name}: a cancelled turn ends, with what was asked in it, and the next begins`, async () => {
    const { agentId, conversationId, viewers } = await scene.room(1, { spec: spec() })
    const [v] = viewers

    const slow = await say(v, agentId, conversationId, 'slow')
    await v.tells('chatEvent', { runId: slow.runId, kind: 'assistantDelta' })
    await v.forward('cancelRun', agentId, { runId: slow.runId })
    const asking = await say(v, agentId, conversationId, 'ask')
    const { interactionId } = await v.tells('interactionRequest', { runId: asking.runId })
    await v.forward('cancelRun', agentId, { runId: asking.runId })
    const { end } = await converse(v, agentId, conversationId, 'count')

    for (const { runId } of [slow, asking]) assert.equal((await v.ended(runId)).state, 'cancelled')
    assert.equal(v.told('interactionUpdate', { interactionId })[0].state, 'cancelled')
    assert.deepEqual([end.state, v.answers(conversationId).at(-1)], ['done', '3'])
    assertRunsEnded(v, conversationId)
  })

  test(`${name}: after a crash it goes on where it was, and nothing is said to it twice`, async () => {
    const own = spec()
    const { agentId, conversationId, viewers } = await scene.room(1, { spec: own })
    const [v] = viewers

    const crash = await converse(v, agentId, conversationId, 'crash')
    const next = await converse(v, agentId, conversationId, 'count')

    assert.deepEqual([crash.end.state, crash.end.reason], ['failed', 'agent_exited'])
    assert.equal(next.end.state, 'done')
    assert.equal(v.answers(conversationId).at(-1), '2')
    const given = readFileSync(own.host.env.FAKE_LOG, 'utf8')
    assert.equal(given.match(/crash/g).length, 1, given)
  })

  test(`${name}: what it reports as a failure is one`, async () => {
    const { agentId, conversationId, viewers } = await scene.room(1, { spec: spec() })

    const { end } = await converse(viewers[0], agentId, conversationId, 'error out of credits')

    assert.deepEqual([end.state, end.reason], ['failed', 'agent_error'])
    assert.match(end.error, /out of credits/)
  })
}

for (const [format, args] of Object.entries(FOR_EACH_TURN)) {
  test(`${format}, a process for each turn: answers, tools, usage, and the session goes on`, async () => {
    const spec = fake({ type: 'oneshot', format }, 'oneshot.mjs', [format, ...args])
    const { agentId, conversationId, viewers } = await scene.room(1, { spec })
    const [v] = viewers

    const first = await converse(v, agentId, conversationId, 'say --help is no option')
    const tool = await converse(v, agentId, conversationId, 'tool')
    const crash = await converse(v, agentId, conversationId, 'crash')
    await converse(v, agentId, conversationId, 'count')

    assert.equal(v.answers(conversationId)[0], '--help is no option')
    assert.ok(first.end.usage.outputTokens > 0)
    assert.deepEqual(kinds(v, tool.runId).filter((kind) => kind.startsWith('tool')), ['toolCall', 'toolResult'])
    assert.deepEqual([crash.end.state, crash.end.reason], ['failed', 'agent_exited'])
    assert.equal(v.answers(conversationId).at(-1), '4')
    assertRunsEnded(v, conversationId)
  })
}

test('an own table makes a program of any JSON lines an agent', async () => {
  const rules = [
    { when: { '/kind': 'hello' }, then: [{ type: 'session', id: '/session' }] },
    { when: { '/kind': 'words' }, each: '/list', item: { '/show': true }, then: [{ type: 'message', text: '/text' }] },
    { when: { '/kind': 'bye' }, then: [{ type: 'usage', output: '/tokens' }, { type: 'done' }] },
  ]
  const program = `
    read -r said
    echo '{"kind":"hello","session":"s1"}'
    echo '{"kind":"words","list":[{"show":true,"text":"first"},{"show":false,"text":"no"},{"show":true,"text":"last"}]}'
    echo "{\\"kind\\":\\"other\\",\\"arguments\\":\\"$*\\"}"
    echo '{"kind":"bye","tokens":7}'`
  const host = { type: 'process', command: 'sh', args: ['-c', program, 'sh'] }
  const spec = { codec: { type: 'oneshot', rules, resume: ['--session', '{session}'] }, host }
  const { agentId, conversationId, viewers } = await scene.room(1, { spec })
  const [v] = viewers

  await converse(v, agentId, conversationId, 'one')
  const { runId, end } = await converse(v, agentId, conversationId, 'two')

  assert.deepEqual(v.answers(conversationId), ['first', 'last', 'first', 'last'])
  assert.deepEqual(end.usage, { outputTokens: 7 })
  const [raw] = v.told('chatEvent', { runId, kind: 'raw' })
  assert.match(raw.payload.text, /"arguments":"--session s1"/)
})

test('sessions of agents outlive a manager that was killed', async () => {
  const [first, c] = await Promise.all([manager(), controller()])
  const clientId = await register(c, first)
  const specs = Object.entries(TALKING).map(([name, spec]) => ({ name, ...spec() }))
  const added = []
  for (const spec of specs) added.push(await eventually(() => addAgent(c, clientId, spec)))
  const v = await new Viewer(c.controller, { token: c.token }).connected()
  await v.ok('setClient', { clientId })
  for (const { agentId } of added) {
    const { runId } = await v.forward('login', agentId).then(() => v.chat(agentId, 'say one'))
    assert.equal((await v.ended(runId)).state, 'done')
  }

  await first.kill()
  await manager({ dataDir: first.dataDir, port: first.port })
  await v.event('remoteReconnected')

  for (const [at, { agentId }] of added.entries()) {
    const { runId } = await v.insist(agentId, 'count')
    assert.equal((await v.ended(runId)).state, 'done')
    assert.equal(v.answers(agentId).at(-1), '2', specs[at].name)
  }
})

test('up finds the programs that are there, and presets are agents by one word', async () => {
  const bin = temporary()
  for (const name of ['claude', 'codex', 'gemini']) {
    const play = name === 'gemini' ? 'acp' : name
    writeFileSync(path.join(bin, name), `#!/bin/sh\nexec node '${agents}/${play}.mjs' "$@"\n`, { mode: 0o755 })
  }
  const PATH = `${bin}:${process.env.PATH}`
  const server = await up({ detect: true, env: { PATH } })
  const v = await new Viewer(server.controller, { token: server.token }).connected()
  await v.ok('setClient', { clientId: server.info.clientId })
  const answers = async (agentId) => {
    await v.forward('login', agentId)
    const { runId } = await v.chat(agentId, 'say hello')
    assert.equal((await v.ended(runId)).state, 'done')
    return v.answers(agentId).at(-1)
  }

  for (const name of ['claude', 'codex', 'gemini']) assert.equal(await answers(server.agent(name)), 'hello', name)
  const target = ['--url', server.controller, '--token', server.token, '--client', server.info.clientId]
  const add = (...args) => cli(['agent', 'add', ...target, '--json', ...args])
  const added = await add('--preset', `acp:node ${agents}/acp.mjs`, 'other', '--approvals', 'allow-all', '--', '--ids=string')
  assert.equal(added.code, 0, added.stderr)
  assert.equal(await answers(JSON.parse(added.stdout).agentId), 'hello')
  for (const [preset, sum] of [['bash', 'echo $((6*7))'], ['python', '6*7'], ['node', '6*7']]) {
    const { agentId } = JSON.parse((await add('--preset', preset)).stdout)
    await v.forward('login', agentId)
    for (const _ of [1, 2]) await v.ended((await v.chat(agentId, sum)).runId)
    assert.deepEqual(v.answers(agentId).slice(-2), ['42', '42'], preset)
  }
  const unknown = await add('--preset', 'vim')
  assert.deepEqual([unknown.code, /claude, codex, gemini/.test(unknown.stderr)], [2, true], unknown.stderr)
})

test('the doctor says whether an agent can be used, and what it can do', async () => {
  const target = ['--url', scene.server.controller, '--token', scene.server.token, '--client', scene.clientId]
  const doctor = async (spec) => cli(['agent', 'doctor', await scene.agent(spec), ...target, '--json'])
  const all = ['stream', 'tools', 'approvals', 'cancel', 'usage']

  for (const [name, spec] of Object.entries(TALKING)) {
    const own = spec()
    const { code, stdout, stderr } = await doctor(own)
    const { agentId, durationMs, version, ...found } = JSON.parse(stdout)
    assert.deepEqual([code, found], [0, { codec: name, program: 'node', can: [...all, 'resume'] }], stderr)
    assert.equal(version, process.version)
    const given = readFileSync(own.host.env.FAKE_LOG, 'utf8')
    assert.doesNotMatch(given, /prompt|"user"|turn\/start/, 'nothing is said to it')
  }
  const none = await doctor(fake({ type: 'acp' }, 'acp.mjs', ['--sessions=none']))
  assert.deepEqual(JSON.parse(none.stdout).can, all)
  for (const [spec, problem] of [
    [fake({ type: 'acp' }, 'acp.mjs', ['--auth']), /logged in first/],
    [fake({ type: 'acp' }, 'acp.mjs', ['--handshake=exit']), /exited with code/],
    [{ codec: { type: 'claude' }, host: { type: 'process', command: 'no-such-program' } }, /no program no-such-program/],
  ]) {
    const { code, stdout, stderr } = await doctor(spec)
    assert.equal(code, 1)
    assert.match(stderr, problem)
    assert.match(JSON.parse(stdout).problem, problem)
  }
  const echo = await cli(['agent', 'doctor', 'echo', ...target])
  assert.match(echo.stdout, /codec +echo\n.*answers +yes/s)
})

test('configurations that cannot work are refused', async () => {
  const post = (spec) => scene.server.rest('POST', `/api/clients/${scene.clientId}/agents`, spec)
  const host = { type: 'process', command: 'x' }

  for (const spec of [
    { name: 'a', codec: { type: 'acp' } },
    { name: 'a', codec: { type: 'claude', model: 'x' }, host },
    { name: 'a', codec: { type: 'codex', sandbox: 'none' }, host },
    { name: 'a', codec: { type: 'oneshot' }, host },
    { name: 'a', codec: { type: 'oneshot', format: 'codex', rules: [{ when: {}, then: [] }] }, host },
    { name: 'a', codec: { type: 'oneshot', format: 'vim' }, host },
    { name: 'a', codec: { type: 'acp' }, host, approvals: { policy: 'never' } },
    { name: 'a', codec: { type: 'acp' }, host, approvals: { timeoutSecs: 0 } },
  ]) {
    const { status, body } = await post(spec)
    assert.deepEqual([status, body.error?.code], [400, 'INVALID_PAYLOAD'], JSON.stringify([spec, body]))
  }
})
