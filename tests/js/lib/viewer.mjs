// A browser: the official client, and a record of what it got. On namespace /agents it plays a controller.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after } from 'node:test'
import { isDeepStrictEqual } from 'node:util'

import { io } from 'socket.io-client'

import { watch } from './contract.mjs'
import { PATIENCE } from './server.mjs'

/** States after which nothing comes of a run. */
const TERMINAL = ['done', 'cancelled', 'failed']

const open = new Set()
after(() => open.forEach((viewer) => viewer.close()))

/** Keys of a log: agent and conversation. */
const logOf = ({ agentId, conversationId }) => `${agentId}/${conversationId}`

export class Viewer {
  constructor(url, { token, transport = 'websocket', namespace = '/clients', ...options } = {}) {
    this.direct = namespace === '/agents'
    this.events = []
    this.waiting = new Set()
    this.cursors = new Map()
    this.socket = io(url + namespace, {
      transports: [transport],
      auth: { token },
      forceNew: true,
      reconnectionDelay: 50,
      reconnectionDelayMax: 200,
      ...options,
    })
    watch(this.socket, this.direct ? 'agents' : 'clients')
    this.socket.onAny((event, payload) => this.#on(event, payload))
    for (const event of ['connect', 'connect_error', 'disconnect']) {
      this.socket.on(event, (detail) => this.#on(event, detail))
    }
    open.add(this)
  }

  #on(event, payload) {
    const item =
      event === 'forwardedEvent'
        ? { event: payload.event, payload: payload.payload, forwarded: true }
        : { event, payload, forwarded: this.direct }
    this.events.push(item)
    if (item.forwarded && (item.payload?.seq || item.event === 'historyEnd')) this.#advance(item)
    for (const check of this.waiting) check()
  }

  #advance({ event, payload }) {
    const key = logOf(payload)
    const cursor = this.cursors.get(payload.agentId) ?? { key }
    if (event === 'historyEnd') Object.assign(cursor, { epoch: payload.epoch, seq: payload.toSeq })
    else cursor.seq = payload.seq
    this.cursors.set(payload.agentId, cursor)
  }

  /** Waits until `condition` gives something; looked at anew after each event. */
  async until(condition, what = String(condition)) {
    return new Promise((resolve, reject) => {
      const finish = (action, value) => {
        clearTimeout(timer)
        this.waiting.delete(check)
        action(value)
      }
      const check = () => {
        try {
          const value = condition(this)
          if (value) finish(resolve, value)
        } catch (error) {
          finish(reject, error)
        }
      }
      const timer = setTimeout(() => {
        const last = this.events.slice(-8).map((e) => JSON.stringify(e).slice(0, 300))
        finish(reject, new Error(`waited in vain for ${what}; ${this.events.length} events, last:\n${last.join('\n')}`))
      }, PATIENCE)
      this.waiting.add(check)
      check()
    })
  }

  /** The first event of that name from position `from` on. */
  async event(name, from = 0) {
    return this.until((v) => v.events.slice(from).find((e) => e.event === name), name)
  }

  async connected() {
    await this.event('connect')
    return this
  }

  /** A command's acknowledgement. */
  async call(event, ...args) {
    return this.socket.timeout(PATIENCE).emitWithAck(event, ...args)
  }

  /** The data of a command that must succeed. */
  async ok(event, ...args) {
    const answer = await this.call(event, ...args)
    assert.equal(answer.success, true, `${event}: ${JSON.stringify(answer)}`)
    return answer.data
  }

  /** The error of a command that must fail. */
  async refused(event, ...args) {
    const answer = await this.call(event, ...args)
    assert.equal(answer.success, false, `${event}: ${JSON.stringify(answer)}`)
    assert.match(answer.error.code, /^[A-Z_]+$/)
    assert.ok(answer.error.message.length > 0)
    return answer.error
  }

  async forward(event, agentId, payload = { agentId }) {
    return this.direct ? this.ok(event, payload) : this.ok('forward', { event, agentId, payload })
  }

  /** The error of a forwarded command that must fail. */
  async denied(event, agentId, payload = { agentId }) {
    return this.direct ? this.refused(event, payload) : this.refused('forward', { event, agentId, payload })
  }

  /** Selects the client, logs in and waits for the end of the replay. */
  async follow(clientId, agentId, login = {}) {
    await this.connected()
    if (!this.direct) await this.ok('setClient', { clientId })
    return this.#replayed('login', agentId, login)
  }

  /** Joins a conversation and waits for the end of the replay. */
  async join(agentId, join = {}) {
    return this.#replayed('joinConversation', agentId, join)
  }

  async #replayed(event, agentId, payload) {
    const from = this.events.length
    const data = await this.forward(event, agentId, { agentId, ...payload })
    const end = await this.until((v) =>
      v.events.slice(from).find((e) => e.event === 'historyEnd' && e.payload.conversationId === data.conversationId),
    )
    return { ...data, end: end.payload }
  }

  /** Follows again after each reconnect, from the cursor, as a console does. */
  stay(clientId, agentId) {
    const resume = async () => {
      try {
        const cursor = this.cursors.get(agentId)
        const login = cursor ? { afterSeq: cursor.seq, epoch: cursor.epoch } : {}
        await this.ok('setClient', { clientId })
        await this.forward('login', agentId, { agentId, ...login })
      } catch (error) {
        this.#on('resumeFailed', String(error))
      }
    }
    this.socket.on('connect', resume)
    return this
  }

  async chat(agentId, message, more = {}) {
    return this.forward('chat', agentId, { agentId, message, ...more })
  }

  /** Says it until it is acknowledged, under one messageId, as a console does; gives the answer. */
  async insist(agentId, message) {
    const payload = { agentId, message, messageId: randomUUID() }
    const end = Date.now() + 2 * PATIENCE
    for (;;) {
      const answer = await this.socket
        .timeout(3_000)
        .emitWithAck('forward', { event: 'chat', agentId, payload })
        .catch(() => undefined)
      if (answer?.success) return answer.data
      assert.ok(Date.now() < end, `never acknowledged: ${message}, ${JSON.stringify(answer)}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  /** Stored events of an agent, or of one conversation, in the order in which they came. */
  entries(id) {
    return this.events.filter(
      ({ forwarded, payload }) => forwarded && payload?.seq && [payload.agentId, payload.conversationId].includes(id),
    )
  }

  seqs(id) {
    return this.entries(id).map((e) => e.payload.seq)
  }

  /** What the agent said, in order. */
  answers(id) {
    return this.messages(id)
      .filter((m) => m.from === 'agent')
      .map((m) => m.response.result)
  }

  messages(id) {
    return this.entries(id)
      .filter((e) => e.event === 'chatMessage')
      .map((e) => e.payload)
  }

  /** Payloads of the events of that name that have these fields. */
  told(name, fields = {}) {
    const fits = (payload) => Object.entries(fields).every(([key, value]) => isDeepStrictEqual(payload?.[key], value))
    return this.events.filter((e) => e.event === name && fits(e.payload)).map((e) => e.payload)
  }

  /** Waits for the first event of that name that has these fields; gives its payload. */
  async tells(name, fields = {}) {
    return this.until((v) => v.told(name, fields)[0], `${name} ${JSON.stringify(fields)}`)
  }

  /** Waits for the end of a run; gives its terminal event. */
  async ended(runId) {
    const found = (v) => v.told('runEvent', { runId }).find(({ state }) => TERMINAL.includes(state))
    return this.until(found, `the end of run ${runId}`)
  }

  /** Cuts the connection; the client does not come back by itself. */
  close() {
    open.delete(this)
    this.socket.disconnect()
  }
}

/** No gap, no duplicate, no disorder, from `first` on. */
export function assertOrderly(viewer, id, first = 1) {
  const seqs = viewer.seqs(id)
  const expected = seqs.map((_, index) => index + first)
  assert.deepEqual(seqs, expected)
}

/** Each run of the log has exactly one terminal event. */
export function assertRunsEnded(viewer, id) {
  const ends = new Map()
  for (const { event, payload } of viewer.entries(id)) {
    if (event !== 'runEvent') continue
    const terminal = TERMINAL.includes(payload.state) ? 1 : 0
    ends.set(payload.runId, (ends.get(payload.runId) ?? 0) + terminal)
  }
  for (const [run, count] of ends) assert.equal(count, 1, `terminal events of ${run}`)
}
