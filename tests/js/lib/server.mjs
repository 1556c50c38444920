// Starts the real binary on free ports with a data directory of its own.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { after } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../..', import.meta.url))

export const BINARY = path.resolve(root, process.env.LONGSHORE_BIN ?? 'target/debug/longshore')

/** Longest wait for anything: generous, because a busy machine is not a failure. */
export const PATIENCE = 30_000

const running = new Set()
const directories = new Set()

// Whatever a test left behind ends with its file.
after(async () => {
  await Promise.all([...running].map((server) => server.kill()))
  for (const dir of directories) rmSync(dir, { recursive: true, force: true })
})

/** A directory that is removed after the tests of this file. */
export function temporary() {
  const dir = mkdtempSync(path.join(tmpdir(), 'longshore-test-'))
  directories.add(dir)
  return dir
}

/** The environment of a test: nothing of the developer's own settings. */
export function environment(extra = {}) {
  const { PATH, LLVM_PROFILE_FILE } = process.env
  return { PATH, HOME: '/nonexistent', ...(LLVM_PROFILE_FILE && { LLVM_PROFILE_FILE }), ...extra }
}

export class Server {
  /** Starts `longshore ...args --json` and waits for its first line. */
  static async start(args, { env = {}, wrap = [] } = {}) {
    const server = new Server([...wrap, BINARY, ...args, '--json'], env)
    running.add(server)
    const first = new Promise((resolve) => createInterface(server.child.stdout).once('line', resolve))
    const line = await Promise.race([first, server.exited])
    if (typeof line !== 'string') throw new Error(`ended before it was ready: ${server.stderr}`)
    server.info = JSON.parse(line)
    return server
  }

  constructor([program, ...args], env) {
    this.child = spawn(program, args, { env: environment(env), stdio: ['ignore', 'pipe', 'pipe'] })
    this.stderr = ''
    this.child.on('error', (error) => (this.stderr += error))
    this.child.stderr.on('data', (data) => {
      this.stderr = (this.stderr + data).slice(-2_000_000)
      if (process.env.LONGSHORE_TEST_LOG) process.stderr.write(data)
    })
    this.exited = new Promise((resolve) => {
      this.child.on('close', (code, signal) => {
        running.delete(this)
        resolve({ code, signal })
      })
    })
  }

  get pid() {
    return this.child.pid
  }

  /** Asks it to stop, and says how it ended. */
  async stop(signal = 'SIGTERM') {
    this.child.kill(signal)
    return this.exited
  }

  /** As if the power had gone. */
  async kill() {
    return this.stop('SIGKILL')
  }

  get controller() {
    return this.info.controller
  }

  get token() {
    return this.info.token
  }

  /** The REST interface, where this is a controller. */
  async rest(method, target, body, token = this.token) {
    const response = await fetch(this.controller + target, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
      body: body && JSON.stringify(body),
    })
    const text = await response.text()
    return { status: response.status, body: text && JSON.parse(text) }
  }
}

/** Both tiers in one process. `agents` are `name=command args`; `echo` is always there. */
export async function up({ agents = [], dataDir = temporary(), ports = [0, 0], args = [], detect = false, ...options } = {}) {
  const server = await Server.start(
    [
      'up',
      ...(detect ? [] : ['--no-detect']),
      `--data-dir=${dataDir}`,
      `--controller-port=${ports[0]}`,
      `--manager-port=${ports[1]}`,
      ...agents.map((agent) => `--agent=${agent}`),
      ...args,
    ],
    options,
  )
  server.dataDir = dataDir
  server.agent = (name) => {
    const found = server.info.agents.find((agent) => agent.name === name)
    assert.ok(found, `agent ${name}`)
    return found.agentId
  }
  return server
}

export async function manager({ agents = [], dataDir = temporary(), port = 0, args = [] } = {}) {
  const server = await Server.start([
    'manager',
    `--data-dir=${dataDir}`,
    `--port=${port}`,
    ...agents.map((agent) => `--agent=${agent}`),
    ...args,
  ])
  return Object.assign(server, { dataDir, port: Number(new URL(server.info.manager).port) })
}

export async function controller({ dataDir = temporary(), port = 0, args = [] } = {}) {
  const server = await Server.start(['controller', `--data-dir=${dataDir}`, `--port=${port}`, ...args])
  return Object.assign(server, { dataDir, port: Number(new URL(server.info.controller).port) })
}

/** Registers a manager; `endpoint` may be a proxy before it. */
export async function register(controller, manager, endpoint = manager.info.manager) {
  const body = { name: `m-${Math.random().toString(36).slice(2)}`, endpoint, apiKey: manager.info.apiKey }
  const answer = await controller.rest('POST', '/api/clients', body)
  assert.equal(answer.status, 201, JSON.stringify(answer.body))
  return answer.body.clientId
}

/** Adds an agent over REST; an `echo` unless `spec` says otherwise. */
export async function addAgent(controller, clientId, spec = { name: 'echo', codec: { type: 'echo' } }) {
  const answer = await controller.rest('POST', `/api/clients/${clientId}/agents`, spec)
  assert.equal(answer.status, 201, JSON.stringify(answer.body))
  return answer.body
}

/** A `lines` agent that runs a shell script. */
export function script(name, text, codec = {}) {
  return {
    name,
    codec: { type: 'lines', ...codec },
    host: { type: 'process', command: 'sh', args: ['-c', text] },
  }
}

/** Both tiers apart, with one `echo` agent. */
export async function apart({ endpoint = (url) => url } = {}) {
  const [m, c] = await Promise.all([manager(), controller()])
  const clientId = await register(c, m, endpoint(m.info.manager))
  const { agentId } = await eventually(() => addAgent(c, clientId))
  return { manager: m, controller: c, clientId, agentId }
}

/** Tries again while it throws, as for a connection that is being made. */
export async function eventually(attempt, patience = PATIENCE) {
  const end = Date.now() + patience
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (Date.now() > end) throw error
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}

/** Runs the command line to its end. */
export async function cli(args, { input = '', env = {} } = {}) {
  const child = spawn(BINARY, args, { env: environment(env), stdio: 'pipe' })
  const out = { stdout: '', stderr: '' }
  child.stdout.on('data', (data) => (out.stdout += data))
  child.stderr.on('data', (data) => (out.stderr += data))
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const [code, signal] = await once(child, 'close')
  return { ...out, code, signal }
}
