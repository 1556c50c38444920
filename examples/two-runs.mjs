// Two runs of one agent at a time, on one connection: one of them is cancelled, the other one answers.
//
//   node two-runs.mjs --url http://127.0.0.1:8081 --token ls_… --client cl_… --agent ag_…
//
// Prints every event as a line of JSON and ends with 0 when both runs have ended: 1 if one did not end as it should.

import { randomUUID } from 'node:crypto'
import { parseArgs } from 'node:util'

import { io } from 'socket.io-client'

const { values: options } = parseArgs({
  options: {
    url: { type: 'string', default: 'http://127.0.0.1:8081' },
    token: { type: 'string', default: process.env.LONGSHORE_TOKEN },
    client: { type: 'string' },
    agent: { type: 'string' },
    first: { type: 'string', default: '/stall' },
    second: { type: 'string', default: '/stream 5 hello' },
  },
})

const socket = io(`${options.url}/clients`, { transports: ['websocket'], auth: { token: options.token } })
socket.on('connect_error', ({ message }) => fail(`cannot connect: ${message}`))

/** Sends a command and gives its data. */
async function command(event, payload) {
  const answer = await socket.timeout(30_000).emitWithAck(event, payload)
  if (!answer.success) throw new Error(`${event}: ${answer.error.code}: ${answer.error.message}`)
  return answer.data
}

/** The same for a command of the manager. */
const forward = (event, payload = {}) => command('forward', { event, agentId: options.agent, payload })

function fail(message) {
  console.error(message)
  process.exit(1)
}

/** Waits for a state of a run, one of these. */
function reached(runId, ...states) {
  return new Promise((resolve) => {
    const look = ({ event, payload }) => {
      if (event !== 'runEvent' || payload.runId !== runId || !states.includes(payload.state)) return
      socket.off('forwardedEvent', look)
      resolve(payload)
    }
    socket.on('forwardedEvent', look)
  })
}

async function main() {
  socket.on('forwardedEvent', (event) => console.log(JSON.stringify(event)))
  await command('setClient', { clientId: options.client })
  await forward('joinConversation', { clientType: 'two-runs' })

  const [first, second] = [randomUUID(), randomUUID()]
  const started = reached(first, 'started')
  const ends = [first, second].map((runId) => reached(runId, 'done', 'cancelled', 'failed'))
  await forward('startRun', { runId: first, message: options.first, cancelOnDisconnect: true })
  await forward('startRun', { runId: second, message: options.second, cancelOnDisconnect: true })

  await started
  await forward('cancelRun', { runId: first })

  const states = (await Promise.all(ends)).map(({ state }) => state)
  socket.close()
  if (String(states) !== 'cancelled,done') fail(`ended otherwise: ${states}`)
}

main().catch(({ message }) => fail(message))
