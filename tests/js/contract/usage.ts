// What a frontend does with the generated types. Compiled and never run: it fails when they no longer fit their use.

import type { Socket } from 'socket.io-client'
import type {
  Ack,
  AgentsClientToServerEvents,
  AgentsServerToClientEvents,
  ChatEvent,
  ClientsClientToServerEvents,
  ClientsServerToClientEvents,
  EphemeralChatEvent,
  Forward,
  ForwardCommandMap,
  ForwardedEvent,
  LiveEvent,
} from '../../../apps/console/src/protocol'

type Controller = Socket<ClientsServerToClientEvents, ClientsClientToServerEvents>
type Manager = Socket<AgentsServerToClientEvents, AgentsClientToServerEvents>

/** `forward` as one function that knows what each command takes and answers. */
export function forward<E extends keyof ForwardCommandMap>(
  socket: Controller,
  event: E,
  payload: ForwardCommandMap[E]['payload'],
): Promise<Ack<ForwardCommandMap[E]['data']>> {
  const command = { event, payload } as Forward
  return socket.emitWithAck('forward', command) as Promise<Ack<ForwardCommandMap[E]['data']>>
}

export async function converse(socket: Controller, clientId: string, agentId: string): Promise<number> {
  const selected = await socket.emitWithAck('setClient', { clientId })
  if (!selected.success) throw new Error(`${selected.error.code}: ${selected.error.message}`)

  await socket.emitWithAck('forward', { event: 'login', agentId })
  socket.emit('forward', { event: 'chat', agentId, payload: { message: '1 + 1' } }, (answer) => {
    if (answer.success) answer.data satisfies object
  })
  const accepted = await forward(socket, 'chat', { agentId, message: '1 + 1', messageId: 'msg_1' })
  return accepted.success ? accepted.data.seq : -1
}

/** One line for people; the compiler knows which payload goes with which event. */
export function line(forwarded: ForwardedEvent): string {
  switch (forwarded.event) {
    case 'chatMessage': {
      const said = forwarded.payload
      return said.from === 'user' ? `${said.user ?? '?'}: ${said.text}` : `${said.agentName}: ${said.response.result}`
    }
    case 'runEvent':
      return `${forwarded.payload.runId} ${forwarded.payload.state} ${forwarded.payload.reason ?? ''}`
    case 'chatEvent':
      return within(forwarded.payload)
    case 'interactionRequest':
      return `${forwarded.payload.message} ${forwarded.payload.choices?.join(' / ') ?? ''}`
    case 'interactionUpdate':
      return `${forwarded.payload.user ?? 'nobody'} answered: ${JSON.stringify(forwarded.payload.value)}`
    case 'conversationUpdate':
      return `${forwarded.payload.conversation?.name ?? 'a conversation'} was ${forwarded.payload.action}`
    case 'queueUpdate':
      return `${forwarded.payload.running.length} running, next: ${forwarded.payload.queued[0]?.text ?? 'none'}`
    case 'messageFilterResult':
      return `${forwarded.payload.status} by ${forwarded.payload.appliedFilters.join(', ')}`
    case 'agentEvent':
      return `${forwarded.payload.topic}: ${JSON.stringify(forwarded.payload.payload)}`
    case 'agentChanged':
      return `${forwarded.payload.agentName} instead of ${forwarded.payload.previousAgentId}`
    case 'terminalCreated':
      return `${forwarded.payload.shell} in ${forwarded.payload.cols} columns`
    case 'terminalOutput':
      return `${forwarded.payload.offset} ${forwarded.payload.data}`
    case 'terminalClosed':
      return `${forwarded.payload.reason} with ${forwarded.payload.exitCode ?? 'no code'}`
    case 'fileUpdateNotification':
      return `${forwarded.payload.user ?? '?'} changed ${forwarded.payload.filePath}`
    case 'containerStats':
      return `${forwarded.payload.stats?.cpuPercent ?? 0} % in ${forwarded.payload.stats?.processes ?? 0} processes`
    case 'chatEnhanceResult':
      return forwarded.payload.enhancedText ?? forwarded.payload.error?.message ?? ''
    case 'ticketBodyResult':
      return forwarded.payload.body ?? forwarded.payload.error?.message ?? ''
    case 'historyEnd':
      return `up to ${forwarded.payload.toSeq} of ${forwarded.payload.epoch}`
    case 'loginSuccess':
    case 'loginError':
    case 'error':
      return forwarded.payload.message
    case 'logoutSuccess':
      return forwarded.payload.agentId
    case 'serverNotice':
      return `${forwarded.payload.id} ${forwarded.payload.dismiss ? 'is over' : (forwarded.payload.title ?? '')}`
  }
}

/** What happened within a turn: stored, streamed, or of an ephemeral run. */
function within(event: ChatEvent | LiveEvent | EphemeralChatEvent): string {
  switch (event.kind) {
    case 'assistantDelta':
      return `${event.sequence} ${event.payload.delta}`
    case 'assistantSnapshot':
      return `${event.sequence} so far: ${event.payload.text}`
    case 'status':
    case 'question':
      return event.payload.message
    case 'raw':
    case 'thinking':
      return event.payload.text
    case 'toolCall':
      return `uses ${event.payload.title ?? event.payload.name}`
    case 'toolResult':
      return event.payload.isError ? 'failed' : 'worked'
    case 'plan':
      return event.payload.steps.map((step) => `${step.status}: ${step.content}`).join('; ')
    case 'usage':
      return `${event.payload.outputTokens ?? '?'} tokens`
  }
}

export function watch(controller: Controller, manager: Manager): void {
  controller.on('forwardedEvent', (event) => console.log(line(event)))
  controller.on('remoteReconnecting', ({ attempt, delayMs }) => console.log(attempt, delayMs))
  manager.on('historyEnd', ({ epoch, toSeq, recovered }) => console.log(epoch, toSeq, recovered))
  manager.on('chatEvent', (event) => console.log(event.kind, event.timestamp))
}

declare const console: { log(...values: unknown[]): void }

export function mistakes(socket: Controller): void {
  // @ts-expect-error there is no such command
  socket.emit('setClients', { clientId: 'c' }, () => {})
  // @ts-expect-error the id is missing
  socket.emit('setClient', {}, () => {})
  // @ts-expect-error administration is not forwarded
  socket.emit('forward', { event: 'deleteAgent', payload: { agentId: 'a' } }, () => {})
  // @ts-expect-error a chat says something
  socket.emit('forward', { event: 'chat', agentId: 'a' }, () => {})
}
