// The official client on a leash: says on standard output what it hears, sends what standard input says. For tests/chaos.

import { createInterface } from 'node:readline'

import { io } from 'socket.io-client'

const [url, auth] = process.argv.slice(2)
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)

const socket = io(`${url}/clients`, {
  transports: ['websocket'],
  auth: JSON.parse(auth),
  reconnectionDelay: 50,
  reconnectionDelayMax: 200,
  timeout: 5_000,
})
socket.on('connect', () => say({ type: 'connect' }))
socket.on('disconnect', () => say({ type: 'disconnect' }))
socket.onAny((event, payload) => say({ type: 'event', event, payload }))

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const { id, event, payload } = JSON.parse(line)
    // Otherwise the client keeps it, and sends it on the next connection before the client is set.
    if (socket.connected) socket.emit(event, payload, (answer) => say({ type: 'ack', id, answer }))
  })
  .on('close', () => process.exit(0))
