#!/usr/bin/env node
// A scripted Claude Code: stream-json on both sides, or one shot with a prompt on the command line.
//
//   node claude.mjs -p --input-format stream-json --output-format stream-json --verbose [--include-partial-messages]
//     [--permission-prompt-tool stdio] [--resume ID | --session-id ID] [--model NAME] [--auth] [--handshake=never|error|exit|noise]
//   node claude.mjs -p --output-format stream-json --verbose [--resume ID] PROMPT
//
// Prompts and flags are in README.md.

import { randomUUID } from 'node:crypto'
import { parseArgs } from 'node:util'

import { play, stream } from './play.mjs'
import { Cancel, Questions, Session, input, line, listen, parse, write } from './stage.mjs'

const { values: flags, positionals } = parseArgs({
  strict: false,
  allowPositionals: true,
  options: {
    print: { type: 'boolean', short: 'p' },
    'input-format': { type: 'string' },
    'output-format': { type: 'string' },
    'include-partial-messages': { type: 'boolean', default: false },
    'permission-prompt-tool': { type: 'string' },
    'permission-mode': { type: 'string' },
    'dangerously-skip-permissions': { type: 'boolean' },
    resume: { type: 'string' },
    'session-id': { type: 'string' },
    model: { type: 'string' },
    auth: { type: 'boolean', default: false },
    handshake: { type: 'string', default: 'well' },
    version: { type: 'boolean' },
  },
})

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const NO_USAGE = { input_tokens: 0, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 0 }
const interactive = flags['input-format'] === 'stream-json'

const questions = new Questions()
const waiting = []
let session
let turn
let cost = 0
let failed = false
let ended = false
let interrupted = false

/** A line with what every line has. */
const send = (message) => write({ ...message, session_id: session.id, uuid: randomUUID() })
const control = (response) => write({ type: 'control_response', response })

function result(fields) {
  send({ type: 'result', duration_ms: 1, duration_api_ms: 1, num_turns: 1, total_cost_usd: cost, usage: NO_USAGE, modelUsage: {}, permission_denials: [], ...fields })
  failed = fields.is_error
}

class Turn {
  cancel = new Cancel()
  model = flags.model
  #deltas = 0
  #tools = 0
  #blocks = 0
  #said = ''
  #denied = []
  #waiting = new Map()
  #aborted = 'aborted_streaming'

  constructor() {
    this.session = session
    this.id = `msg_${session.prompts + 1}`
  }

  begin() {
    const rest = { tools: ['Bash', 'Read'], mcp_servers: [], permissionMode: 'default', slash_commands: [], apiKeySource: flags.auth ? 'none' : 'ANTHROPIC_API_KEY' }
    send({ type: 'system', subtype: 'init', cwd: process.cwd(), model: this.model ?? 'claude-fake', ...rest, claude_code_version: '1.0.0' })
    send({ type: 'system', subtype: 'status', status: 'requesting' })
    if (!flags.auth) this.#event({ type: 'message_start', message: { ...this.#message([]), usage: { input_tokens: 11, output_tokens: 1 } } })
  }

  #message(content) {
    const usage = { input_tokens: 11, output_tokens: 1 }
    return { id: this.id, type: 'message', role: 'assistant', model: this.model ?? 'claude-fake', content, stop_reason: null, stop_sequence: null, usage }
  }

  #event(event) {
    if (flags['include-partial-messages']) send({ type: 'stream_event', event, parent_tool_use_id: null })
  }

  /** A block of the answer: its pieces, and the whole before the end of the pieces, as the real one does. */
  async #block(start, pieces) {
    this.#event({ type: 'content_block_start', index: this.#blocks, content_block: start })
    const whole = await pieces()
    send({ type: 'assistant', message: this.#message([{ ...start, ...whole }]), parent_tool_use_id: null })
    this.#event({ type: 'content_block_stop', index: this.#blocks })
    this.#blocks += 1
  }

  #piece(delta) {
    this.#event({ type: 'content_block_delta', index: this.#blocks, delta })
  }

  delta(text) {
    this.#deltas += 1
    const event = { type: 'content_block_delta', index: this.#blocks, delta: { type: 'text_delta', text } }
    return { type: 'stream_event', event, parent_tool_use_id: null, session_id: session.id, uuid: randomUUID() }
  }

  say(message, put) {
    return this.#block({ type: 'text', text: '' }, async () => {
      this.#said = await stream(this, message, flags['include-partial-messages'] ? put : () => {})
      return { text: this.#said }
    })
  }

  think(text) {
    return this.#block({ type: 'thinking', thinking: '', signature: '' }, () => {
      for (const thinking of text.split(/(?<= )/)) this.#piece({ type: 'thinking_delta', thinking })
      send({ type: 'system', subtype: 'thinking_tokens', estimated_tokens: 4, estimated_tokens_delta: 4 })
      this.#piece({ type: 'signature_delta', signature: 'c2ln' })
      return { thinking: text, signature: 'c2ln' }
    })
  }

  async #use(name, input) {
    const id = `toolu_${session.prompts}_${(this.#tools += 1)}`
    await this.#block({ type: 'tool_use', id, name, input: {} }, () => {
      this.#piece({ type: 'input_json_delta', partial_json: JSON.stringify(input) })
      return { input }
    })
    return id
  }

  #user(content, rest) {
    send({ type: 'user', message: { role: 'user', content }, parent_tool_use_id: null, timestamp: new Date().toISOString(), ...rest })
  }

  #result(id, content, bad = false) {
    this.#user([{ tool_use_id: id, type: 'tool_result', content, is_error: bad }], { tool_use_result: bad ? `Error: ${content}` : { stdout: content, stderr: '' } })
  }

  async tool() {
    this.#result(await this.#use('Bash', { command: 'ls', description: 'Lists the files' }), 'README.md\nsrc')
  }

  /** The program has no plan of its own: tasks are made and changed one by one. */
  async plan(steps) {
    for (const [at, [subject, status]] of steps.entries()) {
      this.#result(await this.#use('TaskCreate', { subject, description: subject, activeForm: subject }), `Task #${at + 1} created successfully: ${subject}`)
      if (status === 'pending') continue
      const taskId = String(at + 1)
      this.#result(await this.#use('TaskUpdate', { taskId, status: status === 'inProgress' ? 'in_progress' : status }), `Updated task #${taskId} status`)
    }
  }

  /** Asks the client; gives its answer, or undefined if the turn is interrupted before. */
  async #question(request) {
    const id = randomUUID()
    const late = this.cancel.asked
    write({ type: 'control_request', request_id: id, request })
    const given = questions.ask(id)
    if (late) return given
    this.#waiting.set(id, true)
    const answer = await Promise.race([given, this.cancel.wait()])
    this.#waiting.delete(id)
    return answer
  }

  async ask({ kind, command, path, reason }) {
    const [name, input] = kind === 'read' ? ['Read', { file_path: path }] : ['Bash', { command, description: reason }]
    const id = await this.#use(name, input)
    const rules = [{ toolName: name, ruleContent: command }]
    const request = {
      subtype: 'can_use_tool',
      tool_name: name,
      display_name: name,
      input,
      description: reason,
      permission_suggestions: [{ type: 'addRules', rules, behavior: 'allow', destination: 'localSettings' }],
      tool_use_id: id,
    }
    const asks = interactive && flags['permission-prompt-tool'] === 'stdio'
    const answer = asks ? await this.#question(request) : { response: { behavior: 'deny', message: 'This command requires approval' } }
    const { behavior, message, interrupt, updatedPermissions } = answer?.response ?? {}
    if (behavior === 'allow' && !this.cancel.asked) {
      this.#result(id, 'done')
      return updatedPermissions?.length ? 'always' : 'once'
    }
    this.#denied.push({ tool_name: name, tool_use_id: id, tool_input: input })
    const stopped = this.cancel.asked || interrupt
    this.#result(id, stopped ? 'The user rejected this tool use.' : (message ?? answer?.error ?? 'denied'), true)
    if (!stopped) return 'denied'
    this.#aborted = 'aborted_tools'
    return 'cancelled'
  }

  async request() {
    const answer = await this.#question({ subtype: 'hook_callback', callback_id: 'h1', input: {}, tool_use_id: null })
    return answer?.error ?? 'not refused'
  }

  /** Takes back the open questions, then says that the interrupt was heard. */
  interrupt(requestId) {
    for (const id of this.#waiting.keys()) write({ type: 'control_cancel_request', request_id: id })
    if (requestId !== undefined) control({ subtype: 'success', request_id: requestId })
    this.cancel.ask()
  }

  #usage() {
    cost += 0.001
    return { ...NO_USAGE, input_tokens: 11, output_tokens: this.#deltas }
  }

  done() {
    this.#event({ type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: this.#deltas } })
    this.#event({ type: 'message_stop' })
    const usage = this.#usage()
    const rest = { result: this.#said, stop_reason: 'end_turn', total_cost_usd: cost, usage, permission_denials: this.#denied, terminal_reason: 'completed' }
    result({ subtype: 'success', is_error: false, ...rest })
    next()
  }

  cancelled() {
    const tool = this.#aborted === 'aborted_tools' ? ' for tool use' : ''
    this.#user([{ type: 'text', text: `[Request interrupted by user${tool}]` }])
    const errors = ['[ede_diagnostic] result_type=user last_content_type=n/a stop_reason=null']
    result({ subtype: 'error_during_execution', is_error: true, stop_reason: null, permission_denials: this.#denied, terminal_reason: this.#aborted, errors })
    next()
  }

  fail(text, error = 'unknown', status = 529) {
    const message = { ...this.#message([{ type: 'text', text }]), model: '<synthetic>', stop_reason: 'stop_sequence' }
    send({ type: 'assistant', message, parent_tool_use_id: null, error })
    result({ subtype: 'success', is_error: true, api_error_status: status, result: text, stop_reason: 'stop_sequence', terminal_reason: 'completed' })
    next()
  }

  odd() {
    const of = { session_id: session.id, uuid: randomUUID() }
    return [
      { type: 'brand_new_type', value: { a: [1] }, ...of },
      { type: 'system', subtype: 'brand_new_subtype', value: 1, ...of },
      { type: 'stream_event', event: { type: 'brand_new_event' }, ...of },
      { type: 'rate_limit_event', rate_limit_info: { status: 'allowed' }, ...of },
      { type: 'assistant', message: this.#message([{ type: 'brand_new_block', value: 1 }]), parent_tool_use_id: null, ...of },
    ]
  }

  wrong() {
    return [
      { type: 'assistant' },
      { type: 'assistant', message: 7 },
      { type: 'assistant', message: { role: 'assistant', content: 7 } },
      { type: 'assistant', message: { role: 'assistant', content: [{ type: 'text', text: { a: 1 } }, 5, { type: 'tool_use' }] } },
      { type: 'user', message: { role: 'user', content: [{ type: 'tool_result', tool_use_id: 5, content: [{ type: 'text' }, 6] }] } },
      { type: 'stream_event', event: 5 },
      { type: 'stream_event', event: { type: 'content_block_delta', delta: { type: 'text_delta', text: 5 } } },
      { type: 'control_request' },
      { type: 'control_request', request_id: 'w1', request: { subtype: 'can_use_tool' } },
      { type: 'control_cancel_request', request_id: 'unheard-of' },
      { type: 'control_response', response: { subtype: 'success', request_id: 'unheard-of' } },
      { type: 'system', subtype: 5 },
      { type: 5 },
      { kind: 'assistant' },
    ]
  }

  wrongEnd() {
    turn = undefined
    return [{ type: 'result', subtype: 7, is_error: 'no', result: {}, usage: 'none', session_id: session.id }]
  }
}

const textOf = (content) => (typeof content === 'string' ? content : content.map((block) => block.text ?? '').join(''))

function start(message) {
  turn = new Turn()
  turn.begin()
  if (flags.auth) return turn.fail('Not logged in · Please run /login', 'authentication_failed', null)
  return play(turn, textOf(message.content))
}

/** A turn has ended: the next message that waits, or the end of the process after the end of its input. */
function next() {
  turn = undefined
  if (waiting.length) setImmediate(() => start(waiting.shift()))
  else if (ended) process.exit(failed && !interrupted ? 1 : 0)
}

function onControl({ request_id: id, request }) {
  if (request?.subtype === 'initialize') {
    if (flags.handshake === 'never') return
    if (flags.handshake === 'exit') process.exit(1)
    if (flags.handshake === 'error') return control({ subtype: 'error', request_id: id, error: 'Initialization failed' })
    if (flags.handshake === 'noise') line('A new version is available.')
    return control({ subtype: 'success', request_id: id, response: { commands: [], models: [], account: {}, output_style: 'default' } })
  }
  if (request?.subtype === 'interrupt') return turn ? turn.interrupt(id) : control({ subtype: 'success', request_id: id })
  if (request?.subtype === 'set_model') {
    flags.model = request.model
    send({ type: 'user', message: { role: 'user', content: `Set model to ${request.model}` }, parent_tool_use_id: null, isReplay: true })
    return control({ subtype: 'success', request_id: id })
  }
  control({ subtype: 'error', request_id: id, error: `Unsupported control request subtype: ${request?.subtype}` })
}

function onLine(text) {
  if (!text.trim()) return
  const message = parse(text)
  if (message === undefined) {
    console.error(`Error parsing streaming input line: ${text}`)
    process.exit(1)
  }
  if (message?.type === 'control_request') onControl(message)
  else if (message?.type === 'control_response') questions.answer(message.response?.request_id, message.response)
  else if (message?.type === 'user' && message.message) turn || waiting.length ? waiting.push(message.message) : start(message.message)
}

function refuse(text) {
  console.error(text)
  process.exit(1)
}

async function main() {
  if (flags.version) return console.log('1.0.0 (Claude Code)')
  const unguarded = flags['dangerously-skip-permissions'] || flags['permission-mode'] === 'bypassPermissions'
  if (unguarded && process.getuid?.() === 0) refuse('--dangerously-skip-permissions cannot be used with root/sudo privileges for security reasons')
  if (flags['session-id'] && !UUID.test(flags['session-id'])) refuse('Error: Invalid session ID. Must be a valid UUID.')
  session = flags.resume ? Session.load(flags.resume) : new Session(flags['session-id'] ?? randomUUID())
  if (!session) {
    session = new Session(flags.resume)
    const errors = [`No conversation found with session ID: ${flags.resume}`]
    result({ subtype: 'error_during_execution', is_error: true, num_turns: 0, stop_reason: null, errors })
    refuse(errors[0])
  }
  if (!interactive) {
    ended = true
    return start({ content: positionals.join(' ') || (await input()) })
  }
  process.on('SIGINT', () => {
    ended = interrupted = true
    waiting.length = 0
    if (turn) turn.interrupt()
    else process.exit(0)
  })
  listen(onLine, () => {
    ended = true
    if (!turn) process.exit(failed ? 1 : 0)
  })
}

main()
