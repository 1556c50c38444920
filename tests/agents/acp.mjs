#!/usr/bin/env node
// A scripted agent of the Agent Client Protocol, v1.
//
//   node acp.mjs [--sessions=resume|load|late-load|none] [--auth] [--ids=number|string] [--handshake=never|error|exit|noise]
//
// Prompts and flags are in README.md.

import { randomUUID } from 'node:crypto'
import { isAbsolute } from 'node:path'
import { parseArgs } from 'node:util'

import { play, stream } from './play.mjs'
import { Cancel, Questions, Session, line, listen, parse, write } from './stage.mjs'

const { values: flags } = parseArgs({
  strict: false,
  options: {
    sessions: { type: 'string', default: 'resume' },
    ids: { type: 'string', default: 'number' },
    handshake: { type: 'string', default: 'well' },
    auth: { type: 'boolean', default: false },
    version: { type: 'boolean' },
  },
})

const MODELS = ['small', 'large']
const OPTIONS = [
  { optionId: 'yes-always', name: 'Always allow', kind: 'allow_always' },
  { optionId: 'yes', name: 'Allow', kind: 'allow_once' },
  { optionId: 'no', name: 'Reject', kind: 'reject_once' },
]

const sessions = new Map()
const questions = new Questions()
let asked = 0

const send = (message) => write({ jsonrpc: '2.0', ...message })
const answer = (id, result) => send({ id, result })
const refuse = (id, code, message, data) => send({ id, error: { code, message, ...(data && { data }) } })
const message = (sessionId, update) => ({ jsonrpc: '2.0', method: 'session/update', params: { sessionId, update } })
const chunk = (kind, text, messageId) => ({ sessionUpdate: kind, content: { type: 'text', text }, messageId })

/** Asks the client and waits for its answer, the whole response. */
function question(method, params) {
  const id = flags.ids === 'string' ? randomUUID() : asked++
  send({ id, method, params })
  return questions.ask(id)
}

class Turn {
  cancel = new Cancel()
  #message = randomUUID()
  #deltas = 0
  #tools = 0

  constructor(session, id) {
    Object.assign(this, { session, id })
  }

  get model() {
    return this.session.model
  }

  #update(update) {
    write(message(this.session.id, update))
  }

  #tool(update) {
    this.#update({ toolCallId: `call_${this.session.prompts}_${this.#tools}`, ...update })
  }

  delta(text) {
    this.#deltas += 1
    return message(this.session.id, chunk('agent_message_chunk', text, this.#message))
  }

  say(message, put) {
    return stream(this, message, put)
  }

  async think(text) {
    for (const word of text.split(/(?<= )/)) this.#update(chunk('agent_thought_chunk', word, this.#message))
  }

  async tool() {
    this.#tools += 1
    this.#tool({ sessionUpdate: 'tool_call', title: 'Terminal', kind: 'execute', status: 'pending', rawInput: {}, content: [] })
    this.#tool({ sessionUpdate: 'tool_call_update', title: 'ls', status: 'in_progress', rawInput: { command: 'ls' } })
    this.#tool({ sessionUpdate: 'tool_call_update', _meta: { agent: { took: 1 } } })
    const content = [{ type: 'content', content: { type: 'text', text: 'README.md\nsrc\n' } }]
    this.#tool({ sessionUpdate: 'tool_call_update', status: 'completed', rawOutput: 'README.md\nsrc\n', content })
  }

  plan(steps) {
    const status = { inProgress: 'in_progress' }
    const entries = steps.map(([content, state]) => ({ content, priority: 'medium', status: status[state] ?? state }))
    this.#update({ sessionUpdate: 'plan', entries })
  }

  async ask({ kind, command, path, reason }) {
    this.#tools += 1
    const toolCall = {
      toolCallId: `call_${this.session.prompts}_${this.#tools}`,
      status: 'pending',
      title: command,
      kind: kind === 'read' ? 'read' : 'execute',
      content: [{ type: 'content', content: { type: 'text', text: reason } }],
      locations: path ? [{ path }] : [],
      rawInput: path ? { path } : { command },
    }
    const { result } = await question('session/request_permission', { options: OPTIONS, sessionId: this.session.id, toolCall })
    const chosen = OPTIONS.find(({ optionId }) => optionId === result?.outcome?.optionId)
    if (!chosen || this.cancel.asked) {
      this.#tool({ sessionUpdate: 'tool_call_update', status: 'failed' })
      return 'cancelled'
    }
    const allowed = chosen.kind !== 'reject_once'
    this.#tool({ sessionUpdate: 'tool_call_update', status: allowed ? 'completed' : 'failed', title: command, content: [] })
    return { allow_once: 'once', allow_always: 'always', reject_once: 'denied' }[chosen.kind]
  }

  async request() {
    const { error } = await question('fs/read_text_file', { sessionId: this.session.id, path: '/etc/hostname' })
    return error?.code ?? 'not refused'
  }

  #end(stopReason) {
    const [inputTokens, outputTokens] = [11, this.#deltas]
    const cost = { amount: this.session.prompts / 1000, currency: 'USD' }
    this.#update({ sessionUpdate: 'usage_update', used: inputTokens + outputTokens, size: 200_000, cost })
    answer(this.id, { stopReason, usage: { inputTokens, outputTokens, totalTokens: inputTokens + outputTokens } })
    this.session.turn = undefined
  }

  done() {
    this.#end('end_turn')
  }

  cancelled() {
    this.#end('cancelled')
  }

  fail(text) {
    refuse(this.id, -32603, `Internal error: ${text}`, { service: 'session' })
    this.session.turn = undefined
  }

  odd() {
    return [
      message(this.session.id, { sessionUpdate: 'brand_new_update', value: { a: [1] } }),
      { jsonrpc: '2.0', method: '_vendor/notice', params: { text: 'new' } },
      { jsonrpc: '2.0', id: 4711, result: {} },
      { type: 'log', text: 'not of the protocol' },
    ]
  }

  wrong() {
    const { id } = this.session
    return [
      message(id, 5),
      message(id, { sessionUpdate: 'agent_message_chunk', content: 7 }),
      message(id, { sessionUpdate: 'agent_message_chunk' }),
      message(7, chunk('agent_message_chunk', 'of nobody')),
      message('nobody', chunk('agent_message_chunk', 'of nobody')),
      message(id, { sessionUpdate: 'tool_call', toolCallId: 5 }),
      message(id, { sessionUpdate: 'tool_call_update', toolCallId: 'unheard-of', status: 'flying' }),
      message(id, { sessionUpdate: 'plan', entries: 'none' }),
      message(id, { sessionUpdate: 'usage_update', used: 'many', size: -1 }),
      { jsonrpc: '2.0', method: 'session/update', params: [] },
      { jsonrpc: '2.0', method: 'session/update' },
      { jsonrpc: '2.0', method: 9 },
      { jsonrpc: '2.0', id: 'w1', method: 'session/request_permission', params: { sessionId: id } },
    ]
  }

  wrongEnd() {
    this.session.turn = undefined
    return [{ jsonrpc: '2.0', id: this.id, result: { stopReason: 7 } }]
  }
}

function capabilities() {
  return {
    loadSession: flags.sessions !== 'none',
    promptCapabilities: { image: false, audio: false, embeddedContext: true },
    mcpCapabilities: { http: false, sse: false },
    ...(flags.sessions === 'resume' && { sessionCapabilities: { resume: {}, close: {} } }),
  }
}

function settings(session) {
  const options = MODELS.map((value) => ({ value, name: value }))
  const currentValue = session.model ?? MODELS[0]
  return { configOptions: [{ id: 'model', name: 'Model', category: 'model', type: 'select', currentValue, options }] }
}

function open(session) {
  sessions.set(session.id, session)
  return session
}

/** The session of a request that asks for an earlier one; undefined, with the answer given, if there is none. */
function earlier(id, params) {
  const session = sessions.get(params?.sessionId) ?? Session.load(params?.sessionId)
  if (session) return open(session)
  refuse(id, -32002, `Resource not found: ${params?.sessionId}`, { uri: params?.sessionId })
}

function history(session) {
  return session.said.flatMap(([asked, said]) => [
    message(session.id, chunk('user_message_chunk', asked)),
    message(session.id, chunk('agent_message_chunk', said)),
  ])
}

const usable = (params) => typeof params?.cwd === 'string' && isAbsolute(params.cwd) && Array.isArray(params.mcpServers)

const METHODS = {
  initialize(id, params) {
    if (flags.handshake === 'never') return
    if (flags.handshake === 'exit') process.exit(1)
    if (flags.handshake === 'error') return refuse(id, -32603, 'Internal error')
    if (flags.handshake === 'noise') line('Loaded cached credentials.')
    if (params?.protocolVersion !== 1) return refuse(id, -32602, 'Invalid params', { protocolVersion: params?.protocolVersion })
    const agentInfo = { name: 'fake-acp', title: 'Fake', version: '1.0.0' }
    answer(id, { protocolVersion: 1, agentCapabilities: capabilities(), agentInfo, authMethods: [] })
  },
  'session/new'(id, params) {
    if (flags.auth) return refuse(id, -32000, 'Authentication required')
    if (!usable(params)) return refuse(id, -32602, 'Invalid params')
    const session = open(new Session(randomUUID()))
    answer(id, { sessionId: session.id, ...settings(session) })
    const availableCommands = [{ name: 'init', description: 'Begin', input: null }]
    write(message(session.id, { sessionUpdate: 'available_commands_update', availableCommands }))
  },
  'session/resume'(id, params) {
    if (flags.sessions !== 'resume') return METHODS[''](id, 'session/resume')
    const session = earlier(id, params)
    if (session) answer(id, settings(session))
  },
  'session/load'(id, params) {
    if (flags.sessions === 'none') return METHODS[''](id, 'session/load')
    if (!usable(params)) return refuse(id, -32602, 'Invalid params')
    const session = earlier(id, params)
    if (!session) return
    const late = flags.sessions === 'late-load'
    if (!late) history(session).forEach(write)
    answer(id, settings(session))
    if (late) setTimeout(() => history(session).forEach(write), 20)
  },
  'session/close'(id, params) {
    const session = sessions.get(params?.sessionId)
    session?.turn?.cancel.ask()
    sessions.delete(params?.sessionId)
    answer(id, {})
  },
  'session/set_config_option'(id, params) {
    const session = sessions.get(params?.sessionId)
    if (params?.configId !== 'model' || !MODELS.includes(params.value) || !session) return refuse(id, -32602, 'Invalid params')
    session.model = params.value
    answer(id, settings(session))
  },
  'session/prompt'(id, params) {
    const session = sessions.get(params?.sessionId)
    if (!session) return refuse(id, -32602, `Invalid params: session not found: ${params?.sessionId}`)
    if (!Array.isArray(params.prompt)) return refuse(id, -32602, 'Invalid params')
    if (session.turn) return console.error('a prompt during a turn is never answered')
    session.turn = new Turn(session, id)
    play(session.turn, params.prompt.map((block) => block.text ?? '').join(''))
  },
  'session/cancel'(_, params) {
    sessions.get(params?.sessionId)?.turn?.cancel.ask()
  },
  ''(id, method) {
    if (id !== undefined) refuse(id, -32601, `"Method not found": ${method}`, { method })
  },
}

function onLine(text) {
  const message = parse(text)
  if (message === undefined || message === null || typeof message !== 'object') return console.error(`Failed to parse: ${text}`)
  if (message.method === undefined) return questions.answer(message.id, message) || console.error(`Got response to unknown request ${message.id}`)
  if (Object.hasOwn(METHODS, message.method)) METHODS[message.method](message.id, message.params)
  else METHODS[''](message.id, message.method)
}

if (flags.version) {
  console.log('1.0.0')
} else {
  listen(onLine, () => process.exit(0))
}
