// Checks all traffic of the suite against asyncapi.yaml, and notes which messages there were.
//
// What a server sends is always checked. What a test sends is checked when the server did it: a test may send nonsense,
// and a server must not take what the document does not allow.

import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, afterEach } from 'node:test'

import { SEEN, messages } from './document.mjs'

const seen = new Set()
const violations = []

afterEach(report)
after(report)
process.on('exit', () => {
  mkdirSync(SEEN, { recursive: true })
  writeFileSync(path.join(SEEN, `${process.pid}-${Date.now()}.json`), JSON.stringify([...seen]))
  if (!violations.length) return
  console.error(violations.join('\n'))
  process.exitCode = 1
})

function report() {
  const found = violations.splice(0)
  assert.equal(found.length, 0, `${found.length} messages that are not as asyncapi.yaml says:\n${found.slice(0, 5).join('\n')}`)
}

function violation(what, value, error) {
  const text = JSON.stringify(value) ?? String(value)
  violations.push(`${what}: ${error}\n  ${text.length > 2_000 ? `${text.slice(0, 2_000)}…` : text}`)
}

function check(message, value) {
  const error = message.payload(value)
  if (error) return violation(message.id, value, error)
  return seen.add(message.id)
}

/** Checks everything that goes over this socket of the official client; namespace is `clients` or `agents`. */
export function watch(socket, namespace) {
  socket.onAny((event, ...args) => received(namespace, event, args))
  const emit = socket.emit
  socket.emit = (event, ...args) => {
    const acknowledge = args.at(-1)
    if (typeof acknowledge !== 'function') return emit.call(socket, event, ...args)
    const sent = args.slice(0, -1)
    // Either (answer) or (error, answer): which of them, the client decides.
    const checked = (...answer) => {
      if (!(answer[0] instanceof Error)) answered(namespace, event, sent, answer.at(-1))
      return acknowledge(...answer)
    }
    checked.withError = acknowledge.withError
    return emit.call(socket, event, ...sent, checked)
  }
}

function received(namespace, event, args) {
  if (args.length !== 1) violation(`${namespace}.${event}`, args, 'an event has one argument')
  const [payload] = args
  const message = eventMessage(namespace, event, payload)
  if (!message) return violation(`${namespace}.${event}`, payload, 'no such event')
  check(message, payload)
  if (message.id === 'clients.forwardedEvent') received('agents', payload.event, [payload.payload])
}

/** Of several messages with one name, an entry has a `seq`, a piece of an answer a `sequence`. */
function eventMessage(namespace, name, payload) {
  const named = [...messages[namespace].values()].filter((m) => m.name === name && m.tags.includes('event'))
  if (named.length < 2) return named[0]
  const entry = named.find((m) => m.tags.includes('entry'))
  const [live, ephemeral] = ['live', 'ephemeral'].map((prefix) => named.find((m) => m.key.startsWith(prefix)))
  if (payload?.seq !== undefined) return entry
  return (payload?.sequence !== undefined && live) || ephemeral
}

function answered(namespace, event, sent, answer) {
  const command = messages[namespace].get(event)
  if (!command?.tags.includes('command')) return undocumented(namespace, event, answer)
  check(messages[namespace].get(`${event}Acknowledgement`), answer)
  if (!answer?.success) return undefined
  const [payload, origin] = sent
  if (isOwn(command, payload)) return undefined
  check(command, payload ?? {})
  const wrong = origin && command.headers?.(origin)
  if (wrong) violation(`${command.id} headers`, origin, wrong)
  return command.id === 'clients.forward' && forwarded(payload, answer)
}

/** Whether it forwards a command of an agent's own: the document cannot have these. */
const isOwn = (command, payload) => command.id === 'clients.forward' && !messages.agents.has(payload.event)

/** Of commands that are not in the document only agents' own are done. */
function undocumented(namespace, event, answer) {
  if (namespace === 'clients' && answer?.success !== false) violation(`${namespace}.${event}`, answer, 'no such command')
}

/** The command within `forward`. That of `login` is another one: it has no password and its answer no token. */
function forwarded({ event, agentId, payload }, answer) {
  if (event === 'login') return
  const data = { ...(agentId && { agentId }), ...payload }
  answered('agents', event, [data], answer)
}
