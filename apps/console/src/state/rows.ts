import type {
  ChatEvent,
  FilterDirection,
  FilterStatus,
  HistoryEvent,
  InteractionRequest,
  InteractionUpdate,
  OutputStream,
  PlanStep,
  RunEvent,
  RunId,
  RunReason,
  RunState,
  Seq,
  Timestamp,
  Usage,
  ViewerId,
} from '../protocol'

interface Common {
  /** Stays the same while more is learnt about it. */
  key: string
  seq: Seq
  at: Timestamp
  runId: RunId | undefined
}

/** How far a person's message has got. */
export interface Progress {
  state: RunState
  position: number | undefined
  reason: RunReason | undefined
}

/** A part of a conversation as it is shown: one entry, or several that belong together. */
export type Row = Common &
  (
    | { kind: 'day' }
    | {
        kind: 'user'
        text: string
        messageId: string | undefined
        viewerId: ViewerId | undefined
        user: string | undefined
        progress: Progress | undefined
      }
    | { kind: 'agent'; text: string; agentName: string }
    | {
        kind: 'tool'
        name: string
        title: string | undefined
        input: unknown
        result: { isError: boolean; output: unknown } | undefined
        isOver: boolean
      }
    | { kind: 'thinking'; text: string }
    | { kind: 'plan'; steps: PlanStep[] }
    | { kind: 'question'; message: string }
    | { kind: 'status'; message: string }
    | { kind: 'raw'; stream: OutputStream; text: string; truncated: boolean }
    | { kind: 'asked'; request: InteractionRequest; update: InteractionUpdate | undefined }
    | {
        kind: 'ended'
        state: RunState
        reason: RunReason | undefined
        error: string | undefined
        durationMs: number | undefined
        usage: Usage | undefined
      }
    | { kind: 'handover'; agentName: string; reason: string | undefined }
    | { kind: 'filtered'; direction: FilterDirection; status: FilterStatus; filters: string[] }
    | { kind: 'custom'; topic: string; payload: unknown }
    | { kind: 'unknown'; event: string; payload: unknown }
  )

export type RowOf<K extends Row['kind']> = Extract<Row, { kind: K }>

/** Characters of output that are put into one row. */
const RAW_CHARS = 16_384
/** A turn that was shorter and says nothing of its costs has no row of its own. */
const NOTABLE_MS = 2_000

const dayOf = (at: Timestamp): string => new Date(at).toDateString()

/** Makes rows of entries, in their order, one at a time. A row that changes is replaced by another with the same key. */
export class Rows {
  all: Row[] = []
  #day = ''
  #tools = new Map<string, number>()
  #asked = new Map<string, number>()
  #users = new Map<RunId, number>()
  #plans = new Map<RunId, number>()
  /** Tool calls of runs that are open. */
  #using = new Map<RunId, number[]>()
  #usage = new Map<RunId, Usage>()

  static of(entries: readonly HistoryEvent[]): Rows {
    const rows = new Rows()
    for (const entry of entries) rows.add(entry)
    return rows
  }

  add(entry: HistoryEvent): void {
    const { seq, timestamp: at, runId } = entry.payload
    const day = dayOf(at)
    if (day !== this.#day) {
      this.#day = day
      this.all.push({ kind: 'day', key: `day-${seq}`, seq, at, runId: undefined })
    }
    this.#add(entry, { key: `${seq}`, seq, at, runId })
  }

  #add(entry: HistoryEvent, common: Common): void {
    const { runId } = common
    switch (entry.event) {
      case 'chatMessage': {
        const message = entry.payload
        if (message.from === 'agent') {
          this.all.push({
            ...common,
            kind: 'agent',
            text: message.response.result,
            agentName: message.agentName,
          })
          return
        }
        if (runId) this.#users.set(runId, this.all.length)
        const { text, messageId, viewerId, user } = message
        this.all.push({ ...common, kind: 'user', text, messageId, viewerId, user, progress: undefined })
        return
      }
      case 'runEvent':
        return this.#run(entry.payload, common)
      case 'chatEvent':
        return this.#happened(entry.payload, common)
      case 'interactionRequest':
        this.#asked.set(entry.payload.interactionId, this.all.length)
        this.all.push({ ...common, kind: 'asked', request: entry.payload, update: undefined })
        return
      case 'interactionUpdate':
        return this.#answered(entry.payload)
      case 'agentChanged':
        this.all.push({
          ...common,
          kind: 'handover',
          agentName: entry.payload.agentName,
          reason: entry.payload.reason,
        })
        return
      case 'messageFilterResult': {
        const { direction, status, appliedFilters: filters } = entry.payload
        this.all.push({ ...common, kind: 'filtered', direction, status, filters })
        return
      }
      case 'agentEvent':
        this.all.push({
          ...common,
          kind: 'custom',
          topic: entry.payload.topic,
          payload: entry.payload.payload,
        })
        return
      default:
        // Of a newer server.
        this.#unknown(entry, common)
    }
  }

  #unknown(entry: { event: string; payload: unknown }, common: Common): void {
    this.all.push({ ...common, kind: 'unknown', event: entry.event, payload: entry.payload })
  }

  #run(run: RunEvent, common: Common): void {
    const { state, reason, position, error, durationMs } = run
    const { runId } = common
    if (runId) this.#progress(runId, { state, reason, position })
    if (state !== 'done' && state !== 'failed' && state !== 'cancelled') return
    const usage = run.usage ?? (runId ? this.#usage.get(runId) : undefined)
    if (runId) this.#close(runId)
    if (state === 'done' && !usage && (durationMs ?? 0) < NOTABLE_MS) return
    this.all.push({ ...common, kind: 'ended', state, reason, error, durationMs, usage })
  }

  #progress(runId: RunId, progress: Progress): void {
    const index = this.#users.get(runId)
    const row = index === undefined ? undefined : this.all[index]
    if (index !== undefined && row?.kind === 'user') this.all[index] = { ...row, progress }
  }

  /** The run is over: what it has not finished stays so. */
  #close(runId: RunId): void {
    for (const index of this.#using.get(runId) ?? []) {
      const row = this.all[index]
      if (row?.kind === 'tool') this.all[index] = { ...row, isOver: true }
    }
    this.#using.delete(runId)
    this.#plans.delete(runId)
    this.#usage.delete(runId)
    this.#users.delete(runId)
  }

  #happened(event: ChatEvent, common: Common): void {
    const { runId } = common
    switch (event.kind) {
      case 'toolCall': {
        const { id, name, title, input } = event.payload
        const index = this.#tools.get(id)
        const before = index === undefined ? undefined : this.all[index]
        if (index !== undefined && before?.kind === 'tool' && before.runId === runId) {
          this.all[index] = { ...before, name, title: title ?? before.title, input: input ?? before.input }
          return
        }
        this.#tools.set(id, this.all.length)
        if (runId) this.#using.set(runId, [...(this.#using.get(runId) ?? []), this.all.length])
        this.all.push({ ...common, kind: 'tool', name, title, input, result: undefined, isOver: false })
        return
      }
      case 'toolResult': {
        const { id, isError = false, output } = event.payload
        const index = this.#tools.get(id)
        const row = index === undefined ? undefined : this.all[index]
        const result = { isError, output }
        if (index !== undefined && row?.kind === 'tool') this.all[index] = { ...row, result, isOver: true }
        else
          this.all.push({
            ...common,
            kind: 'tool',
            name: id,
            title: undefined,
            input: undefined,
            result,
            isOver: true,
          })
        return
      }
      case 'plan': {
        const { steps } = event.payload
        const index = runId ? this.#plans.get(runId) : undefined
        const row = index === undefined ? undefined : this.all[index]
        if (index !== undefined && row?.kind === 'plan') {
          this.all[index] = { ...row, steps }
          return
        }
        if (runId) this.#plans.set(runId, this.all.length)
        this.all.push({ ...common, kind: 'plan', steps })
        return
      }
      case 'usage':
        if (runId) this.#usage.set(runId, event.payload)
        return
      case 'raw':
        return this.#raw(event.payload, common)
      case 'thinking':
        this.all.push({ ...common, kind: 'thinking', text: event.payload.text })
        return
      case 'question':
        this.all.push({ ...common, kind: 'question', message: event.payload.message })
        return
      case 'status':
        this.all.push({ ...common, kind: 'status', message: event.payload.message })
        return
      default:
        this.#unknown({ event: 'chatEvent', payload: event }, common)
    }
  }

  /** Output goes behind what the program has printed right before. */
  #raw(
    { stream, text, truncated = false }: Extract<ChatEvent, { kind: 'raw' }>['payload'],
    common: Common,
  ): void {
    const index = this.all.length - 1
    const last = this.all[index]
    const fits = last?.kind === 'raw' && last.stream === stream && last.runId === common.runId
    if (fits && last.text.length + text.length < RAW_CHARS) {
      this.all[index] = { ...last, text: `${last.text}\n${text}`, truncated: last.truncated || truncated }
    } else {
      this.all.push({ ...common, kind: 'raw', stream, text, truncated })
    }
  }

  #answered(update: InteractionUpdate): void {
    const index = this.#asked.get(update.interactionId)
    const row = index === undefined ? undefined : this.all[index]
    if (index !== undefined && row?.kind === 'asked') this.all[index] = { ...row, update }
  }
}
