#!/usr/bin/env node
// A scripted `codex app-server`: JSON-RPC without the "jsonrpc" field.
//
//   node codex.mjs [app-server] [--auth] [--handshake=never|error|exit|noise]
//
// Prompts and flags are in README.md.

import { randomUUID } from 'node:crypto'
import { parseArgs } from 'node:util'

import { play, stream } from './play.mjs'
import { Cancel, Questions, Session, line, listen, parse, sleep, write } from './stage.mjs'

const { values: flags } = parseArgs({
  strict: false,
  allowPositionals: true,
  options: {
    auth: { type: 'boolean', default: false },
    handshake: { type: 'string', default: 'well' },
    version: { type: 'boolean' },
  },
})

const threads = new Map()
const questions = new Questions()
let asked = 0
let initialized = false
let optedOut = []

const answer = (id, result) => write({ id, result })
const refuse = (id, message) => write({ error: { code: -32600, message }, id })

function notification(method, params) {
  return { method, params, emittedAtMs: Date.now() }
}

function notify(method, params) {
  if (!optedOut.includes(method)) write(notification(method, params))
}

class Turn {
  id = randomUUID()
  cancel = new Cancel()
  #items = 0
  #deltas = 0
  #requests = []
  #started = Date.now()

  constructor(session) {
    this.session = session
    this.ids = { threadId: session.id, turnId: this.id }
  }

  get model() {
    return this.session.model
  }

  state(status, error = null) {
    return { id: this.id, rootTurnId: this.id, items: [], itemsView: 'notLoaded', status, error, startedAt: null, completedAt: null, durationMs: null }
  }

  begin(text) {
    notify('thread/status/changed', { threadId: this.session.id, status: { type: 'active', activeFlags: [] } })
    notify('turn/started', { threadId: this.session.id, turn: { ...this.state('inProgress'), startedAt: this.#seconds() } })
    const item = { type: 'userMessage', id: this.#next(), clientId: null, content: [{ type: 'text', text, text_elements: [] }] }
    this.#item('started', item)
    this.#item('completed', item)
  }

  #seconds() {
    return Math.floor(this.#started / 1000)
  }

  #next() {
    return `item_${this.session.prompts}_${(this.#items += 1)}`
  }

  #item(event, item) {
    notify(`item/${event}`, { item, ...this.ids, [`${event}AtMs`]: Date.now() })
  }

  #message(text) {
    return { type: 'agentMessage', id: this.message, text, phase: null, memoryCitation: null }
  }

  delta(delta) {
    this.#deltas += 1
    this.message ??= this.#next()
    return notification('item/agentMessage/delta', { ...this.ids, itemId: this.message, delta })
  }

  async say(message, put) {
    this.message = this.#next()
    this.#item('started', this.#message(''))
    const text = await stream(this, message, put)
    // As the real one: a message that is cut off is never completed.
    if (!this.cancel.asked) this.#item('completed', this.#message(text))
  }

  async think(text) {
    const item = { type: 'reasoning', id: this.#next(), summary: [], content: [] }
    this.#item('started', item)
    const place = { ...this.ids, itemId: item.id }
    notify('item/reasoning/summaryPartAdded', { ...place, summaryIndex: 0 })
    for (const delta of text.split(/(?<= )/)) notify('item/reasoning/summaryTextDelta', { ...place, delta, summaryIndex: 0 })
    this.#item('completed', { ...item, summary: [text] })
  }

  #command({ kind = 'unknown', command, path }) {
    const action = kind === 'read' ? { type: 'read', command, name: path, path } : { type: 'unknown', command }
    return {
      type: 'commandExecution',
      id: this.#next(),
      command: `/bin/bash -lc '${command}'`,
      cwd: process.cwd(),
      processId: null,
      source: 'agent',
      status: 'inProgress',
      commandActions: [action],
      aggregatedOutput: null,
      exitCode: null,
      durationMs: null,
    }
  }

  async tool() {
    const item = this.#command({ command: 'ls' })
    this.#item('started', item)
    notify('item/commandExecution/outputDelta', { ...this.ids, itemId: item.id, delta: 'README.md\n' })
    notify('item/commandExecution/outputDelta', { ...this.ids, itemId: item.id, delta: 'src\n' })
    this.#item('completed', { ...item, status: 'completed', aggregatedOutput: 'README.md\nsrc\n', exitCode: 0, durationMs: 3 })
  }

  plan(steps) {
    notify('turn/plan/updated', { ...this.ids, explanation: null, plan: steps.map(([step, status]) => ({ step, status })) })
  }

  /** Asks the client; gives its answer, or undefined if the turn is interrupted before. */
  async #question(method, params) {
    const id = asked++
    const gone = Symbol('gone')
    const late = this.cancel.asked
    write({ method, id, params: { ...this.ids, ...params } })
    const given = await Promise.race([questions.ask(id), ...(late ? [] : [this.cancel.wait().then(() => gone)])])
    if (given === gone) this.#requests.push(id)
    else notify('serverRequest/resolved', { threadId: this.session.id, requestId: id })
    return given === gone ? undefined : given
  }

  async ask(tool) {
    const item = this.#command(tool)
    const status = (...activeFlags) => notify('thread/status/changed', { threadId: this.session.id, status: { type: 'active', activeFlags } })
    status('waitingOnApproval')
    this.#item('started', item)
    const response = await this.#question('item/commandExecution/requestApproval', {
      kind: 'command',
      itemId: item.id,
      startedAtMs: Date.now(),
      environmentId: 'local',
      reason: tool.reason,
      command: item.command,
      cwd: item.cwd,
      commandActions: item.commandActions,
      proposedExecpolicyAmendment: tool.command.split(' '),
      availableDecisions: ['accept', { acceptWithExecpolicyAmendment: { execpolicy_amendment: tool.command.split(' ') } }, 'cancel'],
    })
    const decision = response?.result?.decision
    if (this.cancel.asked || decision === 'cancel') return 'cancelled'
    const always = decision === 'acceptForSession' || decision?.acceptWithExecpolicyAmendment !== undefined
    const allowed = always || decision === 'accept'
    this.#item('completed', allowed ? { ...item, status: 'completed', aggregatedOutput: '', exitCode: 0, durationMs: 1 } : { ...item, status: 'declined' })
    status()
    if (!allowed) return 'denied'
    return always ? 'always' : 'once'
  }

  async request() {
    const response = await this.#question('item/tool/call', { callId: 'c1', tool: 'look', arguments: {} })
    return response?.error?.code ?? 'not refused'
  }

  #end(status, error = null) {
    this.session.turn = undefined
    notify('thread/status/changed', { threadId: this.session.id, status: { type: error ? 'systemError' : 'idle' } })
    if (error) notify('error', { error, willRetry: false, ...this.ids })
    const times = { startedAt: this.#seconds(), completedAt: Math.floor(Date.now() / 1000), durationMs: Date.now() - this.#started }
    notify('turn/completed', { threadId: this.session.id, turn: { ...this.state(status, error), ...times } })
    for (const requestId of this.#requests) notify('serverRequest/resolved', { threadId: this.session.id, requestId })
  }

  #usage() {
    const one = (inputTokens, outputTokens) => ({
      totalTokens: inputTokens + outputTokens,
      inputTokens,
      cachedInputTokens: 4,
      cacheWriteInputTokens: 0,
      outputTokens,
      reasoningOutputTokens: 0,
    })
    this.session.input = (this.session.input ?? 0) + 11
    this.session.output = (this.session.output ?? 0) + this.#deltas
    const tokenUsage = { total: one(this.session.input, this.session.output), last: one(11, this.#deltas), modelContextWindow: 258_400 }
    notify('thread/tokenUsage/updated', { ...this.ids, tokenUsage })
    notify('account/rateLimits/updated', { rateLimits: { limitId: 'codex', primary: null, secondary: null } })
  }

  done() {
    this.#usage()
    this.#end('completed')
  }

  cancelled() {
    this.#end('interrupted')
  }

  async fail(message) {
    const error = (text, codexErrorInfo) => ({ message: text, codexErrorInfo, additionalDetails: null })
    const retry = error('Reconnecting... 1/5', { responseStreamDisconnected: { httpStatusCode: null } })
    notify('error', { error: retry, willRetry: true, ...this.ids })
    await sleep(20)
    this.#end('failed', error(message, 'serverOverloaded'))
  }

  odd() {
    return [
      notification('thread/brandNew', { threadId: this.session.id, value: [1] }),
      notification('item/started', { item: { type: 'brandNewItem', id: this.#next(), value: 1 }, ...this.ids }),
      { id: 4711, result: {} },
      { type: 'log', text: 'not of the protocol' },
    ]
  }

  wrong() {
    const { threadId, turnId } = this.ids
    return [
      notification('item/agentMessage/delta', { threadId, turnId, itemId: 'w1', delta: 7 }),
      notification('item/agentMessage/delta', { threadId: 'nobody', turnId, itemId: 'w1', delta: 'of nobody' }),
      notification('item/agentMessage/delta', 'text'),
      notification('item/started', { item: 5, threadId, turnId }),
      notification('item/completed', { item: { type: 'agentMessage', id: 'w2', text: { a: 1 } }, threadId, turnId }),
      notification('item/completed', { threadId, turnId }),
      notification('turn/completed', { threadId, turn: { id: 'of-another-turn', status: 'completed', items: [] } }),
      notification('turn/completed', { threadId }),
      notification('turn/plan/updated', { threadId, turnId, plan: {} }),
      notification('thread/tokenUsage/updated', { threadId, turnId, tokenUsage: 12 }),
      notification('error', { error: 'text', threadId, turnId }),
      { method: 9 },
      { method: 'item/commandExecution/requestApproval', id: 'w3' },
      { id: 'w4' },
    ]
  }

  wrongEnd() {
    this.session.turn = undefined
    return [notification('turn/completed', { threadId: this.session.id, turn: { id: this.id, status: 7 } })]
  }
}

/** A thread as start and resume tell it. */
function opened(session, params) {
  session.model = params.model ?? session.model
  threads.set(session.id, session)
  const cwd = params.cwd ?? process.cwd()
  const model = session.model ?? 'gpt-fake'
  const thread = { id: session.id, sessionId: session.id, preview: '', ephemeral: false, modelProvider: 'fake', model, createdAt: 1, status: { type: 'idle' }, cwd, cliVersion: '1.0.0', turns: [] }
  const sandbox = { type: 'readOnly', networkAccess: false }
  return { thread, model, modelProvider: 'fake', cwd, approvalPolicy: params.approvalPolicy ?? 'on-request', sandbox, reasoningEffort: null }
}

const METHODS = {
  initialize(id, params) {
    if (flags.handshake === 'never') return
    if (flags.handshake === 'exit') process.exit(1)
    if (flags.handshake === 'error') return refuse(id, 'Invalid request')
    if (flags.handshake === 'noise') line('WARNING: proceeding without PATH aliases')
    if (typeof params?.clientInfo?.name !== 'string') return refuse(id, 'Invalid request: missing field `clientInfo`')
    initialized = true
    optedOut = params.capabilities?.optOutNotificationMethods ?? []
    answer(id, { userAgent: 'fake/1.0.0', codexHome: process.cwd(), platformFamily: 'unix', platformOs: 'linux' })
    notify('configWarning', { summary: 'This is a fake.', details: null })
  },
  initialized() {},
  'thread/start'(id, params = {}) {
    const result = opened(new Session(randomUUID()), params)
    answer(id, result)
    notify('thread/started', { thread: result.thread })
  },
  'thread/resume'(id, params) {
    const session = threads.get(params?.threadId) ?? Session.load(params?.threadId)
    if (!session) return refuse(id, `no rollout found for thread id ${params?.threadId}`)
    if (!params.excludeTurns) notify('deprecationNotice', { summary: 'Full-history hydration is deprecated', details: null })
    answer(id, opened(session, params))
  },
  'turn/start'(id, params) {
    const session = threads.get(params?.threadId)
    if (!session) return refuse(id, `thread not found: ${params?.threadId}`)
    if (!Array.isArray(params.input)) return refuse(id, 'Invalid request: missing field `input`')
    // As the real one: input during a turn steers it and gets no turn of its own.
    if (session.turn) return answer(id, { turn: session.turn.state('inProgress') })
    session.model = params.model ?? session.model
    const turn = (session.turn = new Turn(session))
    answer(id, { turn: turn.state('inProgress') })
    const text = params.input.map((input) => input.text ?? '').join('')
    turn.begin(text)
    if (flags.auth) turn.fail('unexpected status 401 Unauthorized: Missing bearer authentication in header')
    else play(turn, text)
  },
  'turn/interrupt'(id, params) {
    const turn = threads.get(params?.threadId)?.turn
    if (!turn) return refuse(id, 'no active turn to interrupt')
    if (turn.id !== params.turnId) return refuse(id, `expected active turn id ${params.turnId} but found ${turn.id}`)
    answer(id, {})
    turn.cancel.ask()
  },
}

function onLine(text) {
  const message = parse(text)
  if (message === undefined || message === null || typeof message !== 'object' || Array.isArray(message)) return console.error(`Failed to deserialize JSONRPCMessage: ${text}`)
  const { id, method, params } = message
  if (method === undefined) return questions.answer(id, message)
  if (!initialized && method !== 'initialize') return refuse(id, 'Not initialized')
  if (Object.hasOwn(METHODS, method)) METHODS[method](id, params)
  else if (id !== undefined) refuse(id, `Invalid request: unknown variant \`${method}\``)
}

if (flags.version) {
  console.log('codex-cli 1.0.0')
} else {
  listen(onLine, () => process.exit(0))
}
