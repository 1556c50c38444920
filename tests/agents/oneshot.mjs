#!/usr/bin/env node
// Scripted programs that run for one turn and print lines of JSON.
//
//   node oneshot.mjs codex exec --json [--skip-git-repo-check] [resume ID] PROMPT
//   node oneshot.mjs gemini [--resume ID] -p PROMPT --output-format stream-json
//   node oneshot.mjs opencode run --format json [--session ID] PROMPT
//   node oneshot.mjs claude …       as claude.mjs
//
// Prompts and flags are in README.md.

import { randomUUID } from 'node:crypto'
import { parseArgs } from 'node:util'

import { play, stream } from './play.mjs'
import { Cancel, Session, input, write } from './stage.mjs'

const [program, ...args] = process.argv.slice(2)

/** What the three have in common: nothing can be asked, and the process ends with the turn. */
class Turn {
  cancel = new Cancel()
  output = 0
  #count = 0

  constructor(session, model) {
    Object.assign(this, { session, model })
  }

  next() {
    return (this.#count += 1)
  }

  /** A message comes as a whole. */
  async say(message, put = write) {
    let text = ''
    for await (const piece of message) text += piece
    await put(this.delta(text))
    this.session.answer(text)
  }

  async think() {}
  plan() {}

  async ask() {
    return 'denied'
  }

  async request() {
    return 'nobody to ask'
  }

  cancelled() {}
}

class Codex extends Turn {
  begin() {
    write({ type: 'thread.started', thread_id: this.session.id })
    write({ type: 'item.completed', item: { id: `item_${this.next()}`, type: 'error', message: 'Model metadata not found. Defaulting to fallback metadata.' } })
    write({ type: 'turn.started' })
  }

  delta(text) {
    this.output += text.length
    return { type: 'item.completed', item: { id: `item_${this.next()}`, type: 'agent_message', text } }
  }

  async think(text) {
    write({ type: 'item.completed', item: { id: `item_${this.next()}`, type: 'reasoning', text } })
  }

  async tool() {
    const item = { id: `item_${this.next()}`, type: 'command_execution', command: '/bin/bash -lc ls', aggregated_output: '', exit_code: null, status: 'in_progress' }
    write({ type: 'item.started', item })
    write({ type: 'item.completed', item: { ...item, aggregated_output: 'README.md\nsrc\n', exit_code: 0, status: 'completed' } })
  }

  plan(steps) {
    const items = steps.map(([text, status]) => ({ text, completed: status === 'completed' }))
    write({ type: 'item.started', item: { id: `item_${this.next()}`, type: 'todo_list', items } })
  }

  /** Usage is that of the thread so far, as the real one counts. */
  done() {
    const input = 11 * this.session.prompts
    write({ type: 'turn.completed', usage: { input_tokens: input, cached_input_tokens: 4, cache_write_input_tokens: 0, output_tokens: this.output, reasoning_output_tokens: 0 } })
  }

  fail(message) {
    write({ type: 'error', message: 'Reconnecting... 1/5' })
    write({ type: 'error', message })
    write({ type: 'turn.failed', error: { message } })
    process.exitCode = 1
  }

  odd() {
    return [{ type: 'brand.new', value: 1 }, { type: 'item.completed', item: { id: 'n1', type: 'brand_new_item' } }]
  }

  wrong() {
    return [{ type: 'item.completed' }, { type: 'item.completed', item: { type: 'agent_message', text: 7 } }, { type: 7 }, { item: {} }]
  }

  wrongEnd() {
    return [{ type: 'turn.completed', usage: 'none' }]
  }
}

class Gemini extends Turn {
  #event(type, fields) {
    return { type, timestamp: new Date().toISOString(), ...fields }
  }

  begin(prompt) {
    write(this.#event('init', { session_id: this.session.id, model: this.model ?? 'auto' }))
    write(this.#event('message', { role: 'user', content: prompt }))
  }

  delta(content) {
    this.output += 1
    return this.#event('message', { role: 'assistant', content, delta: true })
  }

  say(message, put) {
    return stream(this, message, put)
  }

  async tool() {
    const tool_id = `run_shell_command_${this.next()}`
    write(this.#event('tool_use', { tool_name: 'run_shell_command', tool_id, parameters: { command: 'ls' } }))
    write(this.#event('tool_result', { tool_id, status: 'success', output: 'README.md\nsrc' }))
  }

  #stats() {
    return { total_tokens: 11 + this.output, input_tokens: 11, output_tokens: this.output, cached: 0, input: 11, duration_ms: 1, tool_calls: 0, models: {} }
  }

  done() {
    write(this.#event('result', { status: 'success', stats: this.#stats() }))
  }

  fail(message) {
    write(this.#event('result', { status: 'error', error: { type: 'unknown', message: `[API Error: ${message}]` }, stats: this.#stats() }))
    process.exitCode = 144
  }

  odd() {
    return [this.#event('brand_new', { value: 1 }), this.#event('error', { severity: 'warning', message: 'Loop detected' })]
  }

  wrong() {
    return [{ type: 'message' }, { type: 'message', role: 'assistant', content: 7 }, { type: 'tool_use', parameters: 5 }, { type: 7 }]
  }

  wrongEnd() {
    return [{ type: 'result', status: 7 }]
  }
}

class Opencode extends Turn {
  #event(type, part) {
    const sessionID = this.session.id
    return { type, timestamp: Date.now(), sessionID, part: { id: `prt_${this.next()}`, messageID: `msg_${this.session.prompts}`, sessionID, ...part } }
  }

  begin() {
    write(this.#event('step_start', { type: 'step-start' }))
  }

  delta(text) {
    this.output += text.length
    return this.#event('text', { type: 'text', text, time: { start: Date.now(), end: Date.now() } })
  }

  async tool() {
    const state = { status: 'completed', input: { command: 'ls' }, output: 'README.md\nsrc\n', title: 'ls', metadata: { exit: 0 } }
    write(this.#event('tool_use', { type: 'tool', tool: 'bash', callID: `call_${this.next()}`, state }))
    this.#finish('tool-calls')
    this.begin()
  }

  /** The program refuses by itself what would have to be asked. */
  async ask({ command, path }) {
    console.error(`! permission requested: ${command}; auto-rejecting`)
    const state = { status: 'error', input: { command, path }, error: 'The user rejected permission to use this specific tool call.' }
    write(this.#event('tool_use', { type: 'tool', tool: 'bash', callID: `call_${this.next()}`, state }))
    return 'denied'
  }

  #finish(reason) {
    const tokens = { total: 11 + this.output, input: 11, output: this.output, reasoning: 0, cache: { write: 0, read: 0 } }
    write(this.#event('step_finish', { type: 'step-finish', reason, tokens, cost: 0.001 }))
    this.output = 0
  }

  done() {
    this.#finish('stop')
  }

  fail(message) {
    const error = { name: 'APIError', data: { message, statusCode: 529, isRetryable: false } }
    write({ type: 'error', timestamp: Date.now(), sessionID: this.session.id, error })
    process.exitCode = 1
  }

  odd() {
    return [this.#event('brand_new', { type: 'brand-new' }), this.#event('text', { type: 'brand-new', value: 1 })]
  }

  wrong() {
    return [{ type: 'text' }, { type: 'text', part: { type: 'text', text: 7 } }, { type: 'tool_use', part: 5 }, { type: 7 }]
  }

  wrongEnd() {
    return [{ type: 'step_finish', part: 7 }]
  }
}

const string = { type: 'string' }
const PROGRAMS = {
  codex: {
    Turn: Codex,
    options: { model: string },
    newId: randomUUID,
    // exec [resume ID] PROMPT
    words: ([, ...words]) => (words[0] === 'resume' ? { resume: words[1], prompt: words[2] } : { prompt: words[0] }),
    unknown: (id) => ({ code: 1, text: `Error: thread/resume: thread/resume failed: no rollout found for thread id ${id} (code -32600)` }),
    auth: { code: 1, text: 'Error: Not logged in' },
    waits: true,
  },
  gemini: {
    Turn: Gemini,
    options: { prompt: { ...string, short: 'p' }, resume: string, model: { ...string, short: 'm' } },
    newId: randomUUID,
    words: (_, { prompt, resume }) => ({ prompt, resume }),
    unknown: (id) => ({ code: 42, text: `Error resuming session: Invalid session identifier "${id}".` }),
    auth: { code: 41, text: 'Please set an Auth method in your settings.json or specify GEMINI_API_KEY' },
    waits: false,
  },
  opencode: {
    Turn: Opencode,
    options: { session: string, format: string, model: string },
    newId: () => `ses_${randomUUID().replaceAll('-', '')}`,
    // run PROMPT
    words: ([, prompt], { session }) => ({ prompt, resume: session }),
    unknown: () => ({ code: 1, text: 'Error: Session not found' }),
    auth: { code: 1, text: 'Error: no provider is logged in' },
    waits: true,
  },
}

function refuse({ code, text }) {
  console.error(text)
  process.exit(code)
}

async function run({ Turn, options, newId, words, unknown, auth, waits }) {
  const own = { auth: { type: 'boolean' }, version: { type: 'boolean' }, json: { type: 'boolean' }, 'skip-git-repo-check': { type: 'boolean' }, 'output-format': string }
  const { values, positionals } = parseArgs({ args, strict: false, allowPositionals: true, options: { ...options, ...own } })
  if (values.version) return console.log('1.0.0')
  if (values.auth) refuse(auth)
  const { prompt: argument = '-', resume } = words(positionals, values)
  const session = resume ? Session.load(resume) : new Session(newId())
  if (!session) refuse(unknown(resume))
  // Two of the three read their input to its end before they begin, all if there is no prompt but that.
  const read = waits || argument === '-' ? await input() : ''
  const prompt = argument === '-' ? read : argument
  const turn = new Turn(session, values.model)
  turn.begin(prompt)
  await play(turn, prompt)
}

if (program === 'claude') {
  process.argv.splice(2, 1)
  await import('./claude.mjs')
} else if (Object.hasOwn(PROGRAMS, program)) {
  await run(PROGRAMS[program])
} else {
  refuse({ code: 2, text: `usage: oneshot.mjs ${['claude', ...Object.keys(PROGRAMS)].join('|')} …` })
}
