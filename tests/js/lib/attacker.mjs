// Bytes as an attacker sends them, and somebody who only wants to chat meanwhile.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after } from 'node:test'

import { PATIENCE } from './server.mjs'
import { Viewer } from './viewer.mjs'

const open = new Set()
after(() => open.forEach((socket) => socket.destroy()))

/** A connection without manners. `from` is an address of this machine, of which loopback has many. */
export async function raw(base, from = '127.0.0.1') {
  const { hostname: host, port } = new URL(base)
  const socket = connect({ host, port, localAddress: from })
  open.add(socket)
  socket.said = ''
  socket.ended = new Promise((resolve) => socket.on('close', resolve))
  socket.on('data', (data) => (socket.said += data.toString('latin1'))).on('error', () => {})
  await once(socket, 'connect')
  return socket
}

/** Sends this, and gives all that comes until the other side closes the connection. */
export async function say(base, bytes, from) {
  const socket = await raw(base, from)
  socket.end(bytes)
  let timer
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`still open, said: ${socket.said}`)), PATIENCE)))
  await Promise.race([socket.ended, late]).finally(() => clearTimeout(timer))
  return socket.said
}

/** Status of an answer. */
export const status = (said) => Number(/^HTTP\/1\.1 (\d+)/.exec(said)?.[1])

/** A request by its lines. */
export const lines = (...all) => [...all, '', ''].join('\r\n')

/** Does something while somebody chats, and checks that they do not notice. */
export async function meanwhile(server, attack, { agent = server.agent('echo'), slow = 5_000 } = {}) {
  const honest = new Viewer(server.controller, { token: server.token, localAddress: '127.0.0.9' })
  await honest.follow(server.info.clientId, agent)
  let [ended, chats, worst] = [false, 0, 0]
  const attacking = attack().finally(() => (ended = true))
  do {
    const start = Date.now()
    await honest.ended((await honest.chat(agent, `chat ${chats}`)).runId)
    worst = Math.max(worst, Date.now() - start)
    chats += 1
    await new Promise((resolve) => setTimeout(resolve, 10))
  } while (!ended)
  await attacking
  assert.equal(honest.told('disconnect').length, 0)
  assert.ok(worst < slow, `a chat took ${worst} ms`)
  const texts = new Set(honest.messages(agent).map(({ text }) => text))
  for (let nth = 0; nth < chats; nth += 1) assert.ok(texts.has(`chat ${nth}`), `chat ${nth} of ${chats}`)
  honest.close()
}
