// What `longshore doctor` says of a machine without a server, with one, and with things that are wrong.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import { test } from 'node:test'

import { BINARY, addAgent, cli, controller, environment, manager, register, temporary, up } from './lib/server.mjs'

/** Ports that nobody else has, so that other servers of this machine do not matter. */
const quiet = { LONGSHORE_CONTROLLER_PORT: '1', LONGSHORE_MANAGER_PORT: '1' }

async function doctor(dataDir, { args = [], env = {} } = {}) {
  const out = await cli(['doctor', '--json', '--data-dir', dataDir, ...args], { env: { ...quiet, ...env } })
  const report = JSON.parse(out.stdout)
  assert.equal(out.stderr, '')
  assert.equal(report.ok, out.code === 0)
  return { ...report, code: out.code, of: (name) => report.checks.find((check) => check.name === name) }
}

test('without a server all is well, and nothing is made', async () => {
  const dataDir = path.join(temporary(), 'none')

  const { code, checks, of } = await doctor(dataDir)

  assert.equal(code, 0, JSON.stringify(checks))
  assert.match(of('data directory').says, /made at the first start/)
  assert.equal(existsSync(dataDir), false)
})

test('of servers that run it says that they do, for people, too', async () => {
  const server = await up()
  const before = readdirSync(server.dataDir).sort()

  const { code, checks, of } = await doctor(server.dataDir)
  const human = await cli(['doctor', '--quick', '--data-dir', server.dataDir], { env: quiet })

  assert.equal(code, 0, JSON.stringify(checks))
  assert.match(of('manager.db').says, /^whole, in use by a server, schema \d+: 1 agents/)
  assert.match(of('controller').says, /is ready/)
  assert.match(of('token').says, /^valid/)
  assert.match(of('manager local').says, /^connected/)
  assert.match(of('agent echo').says, /answers/)
  assert.equal(human.code, 0)
  assert.match(human.stdout, /^✓ data directory {2}\//m)
  assert.match(human.stdout, /\n(all is well|nothing is wrong; .*)\n$/)
  assert.doesNotMatch(human.stdout, /\u001b/)
  assert.deepEqual(readdirSync(server.dataDir).sort(), before)
})

test('a server that was killed, open secrets, damage and a wrong file are told with what to do', async () => {
  const server = await up()
  await server.kill()
  chmodSync(path.join(server.dataDir, 'secret.key'), 0o644)
  for (const beside of ['-wal', '-shm']) rmSync(path.join(server.dataDir, `manager.db${beside}`), { force: true })
  writeFileSync(path.join(server.dataDir, 'manager.db'), 'x'.repeat(10_000))
  const config = path.join(temporary(), 'longshore.toml')
  writeFileSync(config, 'controller-port = 99999\n')

  const { code, of } = await doctor(server.dataDir, { args: ['--config', config], env: { LONGSHORE_CONTROLLER_PORT: undefined } })

  assert.equal(code, 1)
  assert.match(of('controller').says, /nobody answers/)
  assert.match(of('secrets').fix, /^chmod 600 .*secret\.key/)
  assert.match(of('manager.db').fix, /longshore restore/)
  assert.match(of('configuration').says, /99999/)
  const human = await cli(['doctor', '--quick', '--data-dir', server.dataDir], { env: quiet })
  assert.equal(human.code, 1)
  assert.equal(human.stderr, '')
  assert.match(human.stdout, /^✗ secrets .*\n +→ chmod 600/m)
})

test('an unknown key is a finding and not the end', async () => {
  const config = path.join(temporary(), 'longshore.toml')
  writeFileSync(config, 'controler-port = 1\n')

  const { code, of } = await doctor(temporary(), { args: ['--config', config] })

  assert.equal(code, 1)
  assert.match(of('configuration').says, /did you mean "controller-port"/)
  assert.ok(of('open files'))
})

test('a manager that is away and an agent that cannot be used are told with the reason', async () => {
  const [c, m] = await Promise.all([controller(), manager()])
  const away = await register(c, { info: { manager: 'http://127.0.0.1:1', apiKey: 'x' } })
  const there = await register(c, m)
  const spec = { name: 'gone', codec: { type: 'lines' }, host: { type: 'process', command: '/nonexistent/program' } }
  await addAgent(c, there, spec)

  const { code, checks, of } = await doctor(c.dataDir)

  assert.equal(code, 1)
  const { body } = await c.rest('GET', `/api/clients/${away}`)
  assert.match(of(`manager ${body.name}`).says, /^away: .*refused/i)
  const agent = of('agent gone')
  assert.equal(agent.verdict, 'problem', JSON.stringify(checks))
  assert.match(agent.fix, /^longshore agent doctor gone --client m-/)
})

test('a port that another program has is told, and a wrong token', async () => {
  const other = createServer((socket) => socket.end('x'))
  other.listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address()
  const c = await controller()

  const env = { LONGSHORE_CONTROLLER_PORT: String(port), LONGSHORE_MANAGER_PORT: '0' }
  const { of } = await doctor(c.dataDir, { args: ['--url', c.controller, '--token', 'ls_wrong'], env })
  other.close()

  assert.equal(of(`port ${port}`).verdict, 'warning')
  assert.match(of(`port ${port}`).says, new RegExp(`taken by .*${process.pid}`))
  assert.equal(of('token').verdict, 'problem')
})

test('programs on the PATH are asked for their version, and one that hangs is not waited for long', async () => {
  const bin = temporary()
  const program = (name, text) => {
    writeFileSync(path.join(bin, name), `#!/bin/sh\n${text}\n`)
    chmodSync(path.join(bin, name), 0o755)
  }
  program('claude', 'echo "9.9.9 (Claude Code)"')
  program('codex', 'exit 3')

  const { of } = await doctor(temporary(), { env: { PATH: `${bin}:${process.env.PATH}` } })

  assert.match(of('claude').says, /^9\.9\.9 \(Claude Code\) \(/)
  assert.equal(of('codex').verdict, 'warning')
})

test('whoever reads no further ends nothing', async () => {
  const child = spawn(BINARY, ['doctor', '--quick', '--data-dir', temporary()], { env: environment(quiet) })
  let stderr = ''
  child.stderr.on('data', (data) => (stderr += data))
  child.stdout.destroy()
  await once(child, 'close')

  assert.equal(stderr, '')
})
