import type {
  ChatEvent,
  HistoryEvent,
  InteractionId,
  InteractionUpdate,
  RunEvent,
  RunId,
  Seq,
  Timestamp,
  Usage,
} from '../protocol'
import type { Common, Progress, Row, RowOf } from './row'

export type { Progress, Row, RowOf } from './row'

/** Characters of output, and entries, that are put into one row. */
const RAW_CHARS = 16_384
const RAW_ENTRIES = 256
/** A turn that was shorter and says nothing of its costs has no row of its own. */
const NOTABLE_MS = 2_000

/** What happened of a run until its end, and would mean something for rows before these, or they for it. */
interface Head {
  /** Of a message that is not in these rows. */
  progress: Progress | undefined
  /** The row of its first plan. */
  plan: Seq | undefined
  /** How it ended, if what it has used was not said in these rows. */
  ended: { run: RunEvent; common: Common } | undefined
  isOver: boolean
}

/**
 * Makes rows of entries, in their order, one at a time; and puts rows of earlier entries before them. A row that changes is replaced by
 * another with the same key.
 */
export class Rows {
  /** In the order of `seq`, by which they are found. The row of a day has that of the one below. */
  all: Row[] = []
  readonly #days = new Days()
  /** Rows by what they are about. */
  readonly #tools = new Map<string, Seq>()
  readonly #asked = new Map<InteractionId, Seq>()
  readonly #users = new Map<RunId, Seq>()
  readonly #plans = new Map<RunId, Seq>()
  /** Tool calls of runs that are open. */
  readonly #using = new Map<RunId, Seq[]>()
  readonly #usage = new Map<RunId, Usage>()
  /** The newest entry that is output. */
  #raw: Seq = 0
  /** What may be about rows before these: runs, results of tools, and answers. */
  readonly #heads = new Map<RunId, Head>()
  readonly #results = new Map<string, Seq[]>()
  readonly #answers = new Map<InteractionId, InteractionUpdate>()

  static of(entries: readonly HistoryEvent[]): Rows {
    const rows = new Rows()
    for (const entry of entries) rows.add(entry)
    return rows
  }

  add(entry: HistoryEvent): void {
    const { seq, timestamp: at, runId } = entry.payload
    if (this.#days.isNew(at)) this.all.push({ kind: 'day', key: `day-${seq}`, seq, at, runId: undefined })
    this.#add(entry, { key: `${seq}`, seq, at, runId })
  }

  /** Puts the rows of the entries right before these in front. The same as if all had been added in their order. */
  putBefore(entries: readonly HistoryEvent[], behind: readonly HistoryEvent[]): void {
    const page = Rows.of(entries)
    this.#moveOutput(page, behind)
    const joined = new Set<Seq>()
    this.#joinRuns(page, joined)
    this.#joinTools(page, joined)
    this.#joinAsked(page)
    let rest =
      joined.size === 0 ? this.all : this.all.filter(({ kind, seq }) => kind === 'day' || !joined.has(seq))
    const [first] = rest
    if (first?.kind === 'day' && page.#days.isSame(first.at)) rest = rest.slice(1)
    this.all = page.all.concat(rest)
    this.#days.goOn(page.#days)
    this.#raw ||= page.#raw
  }

  /** Output at the seam is put into rows anew, with what is before it. */
  #moveOutput(page: Rows, behind: readonly HistoryEvent[]): void {
    const first = behind[0]?.payload.seq
    if (first === undefined || page.#raw !== first - 1) return
    let last = 0
    for (const entry of behind) {
      const { seq } = entry.payload
      if (entry.event !== 'chatEvent' || entry.payload.kind !== 'raw' || seq % RAW_ENTRIES === 0) break
      page.add(entry)
      last = seq
    }
    if (last > 0) this.all = this.all.slice(this.#after(last))
  }

  #joinRuns(page: Rows, joined: Set<Seq>): void {
    for (const [runId, seq] of page.#users) {
      const head = this.#heads.get(runId)
      if (head?.progress) page.#change(seq, 'user', { progress: head.progress })
      if (!head?.isOver && !this.#users.has(runId)) this.#users.set(runId, seq)
    }
    for (const [runId, seq] of page.#plans) {
      const head = this.#heads.get(runId)
      const later = this.#find(head?.plan, 'plan')
      if (later) {
        page.#change(seq, 'plan', { steps: later.steps })
        joined.add(later.seq)
      }
      if (!head?.isOver) this.#plans.set(runId, seq)
    }
    for (const [runId, usage] of page.#usage) {
      const head = this.#heads.get(runId)
      if (head?.ended) this.#used(head.ended, usage)
      if (!head?.isOver && !this.#usage.has(runId)) this.#usage.set(runId, usage)
    }
    for (const [runId, seqs] of page.#using) {
      if (this.#heads.get(runId)?.isOver) for (const seq of seqs) page.#change(seq, 'tool', { isOver: true })
      else this.#using.set(runId, [...seqs, ...(this.#using.get(runId) ?? [])])
    }
    for (const [runId, first] of page.#heads) {
      const head = this.#heads.get(runId)
      if (!head || first.isOver) {
        this.#heads.set(runId, first)
        continue
      }
      this.#heads.set(runId, {
        progress: page.#users.has(runId) ? first.progress : (head.progress ?? first.progress),
        plan: first.plan ?? head.plan,
        ended: page.#usage.has(runId) ? undefined : head.ended,
        isOver: head.isOver,
      })
    }
  }

  /** What a run has used is known now: its end has a row in any case. */
  #used({ run, common }: NonNullable<Head['ended']>, usage: Usage): void {
    if (this.#find(common.seq, 'ended')) this.#change(common.seq, 'ended', { usage })
    else this.all.splice(this.#after(common.seq), 0, ended(run, common, usage))
  }

  #joinTools(page: Rows, joined: Set<Seq>): void {
    for (const [key, seq] of page.#tools) {
      for (const result of this.#results.get(key) ?? []) {
        page.#change(seq, 'tool', { result: this.#find(result, 'tool')?.result, isOver: true })
        joined.add(result)
      }
      this.#results.delete(key)
      const before = page.#find(seq, 'tool')
      const later = this.#find(this.#tools.get(key), 'tool')
      this.#tools.set(key, seq)
      if (!before || !later) continue
      page.#change(seq, 'tool', {
        name: later.name,
        title: later.title ?? before.title,
        input: later.input ?? before.input,
        result: later.result ?? before.result,
        isOver: later.isOver || before.isOver,
      })
      joined.add(later.seq)
      const using = later.runId && this.#using.get(later.runId)
      if (later.runId && using)
        this.#using.set(
          later.runId,
          using.filter((other) => other !== later.seq),
        )
    }
    for (const [key, results] of page.#results)
      this.#results.set(key, [...results, ...(this.#results.get(key) ?? [])])
  }

  #joinAsked(page: Rows): void {
    for (const [id, seq] of page.#asked) {
      const update = this.#answers.get(id)
      if (update) page.#change(seq, 'asked', { update })
      this.#answers.delete(id)
      if (!this.#asked.has(id)) this.#asked.set(id, seq)
    }
    for (const [id, update] of page.#answers) if (!this.#answers.has(id)) this.#answers.set(id, update)
  }

  /** Where the rows behind an entry begin. */
  #after(seq: Seq): number {
    let [from, to] = [0, this.all.length]
    while (from < to) {
      const middle = (from + to) >> 1
      if ((this.all[middle]?.seq ?? 0) <= seq) from = middle + 1
      else to = middle
    }
    return from
  }

  #find<K extends Row['kind']>(seq: Seq | undefined, kind: K): RowOf<K> | undefined {
    const row = seq === undefined ? undefined : this.all[this.#after(seq) - 1]
    return row?.seq === seq && row?.kind === kind ? (row as RowOf<K>) : undefined
  }

  #change<K extends Row['kind']>(seq: Seq | undefined, kind: K, change: Partial<RowOf<K>>): boolean {
    const row = this.#find(seq, kind)
    if (!row || seq === undefined) return false
    this.all[this.#after(seq) - 1] = { ...row, ...change }
    return true
  }

  /** Of a run that is not over here. */
  #head(runId: RunId | undefined): Head | undefined {
    if (!runId) return undefined
    let head = this.#heads.get(runId)
    if (!head) {
      head = { progress: undefined, plan: undefined, ended: undefined, isOver: false }
      this.#heads.set(runId, head)
    }
    return head.isOver ? undefined : head
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
        if (runId) this.#users.set(runId, common.seq)
        this.#head(runId)
        const { text, messageId, viewerId, user } = message
        this.all.push({ ...common, kind: 'user', text, messageId, viewerId, user, progress: undefined })
        return
      }
      case 'runEvent':
        return this.#run(entry.payload, common)
      case 'chatEvent':
        return this.#happened(entry.payload, common)
      case 'interactionRequest':
        this.#asked.set(entry.payload.interactionId, common.seq)
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
    const { state, reason, position } = run
    const { runId } = common
    if (runId) this.#progress(runId, { state, reason, position, since: common.at })
    if (state !== 'done' && state !== 'failed' && state !== 'cancelled') return
    const usage = run.usage ?? (runId ? this.#usage.get(runId) : undefined)
    const head = this.#head(runId)
    if (head && !usage) head.ended = { run, common }
    if (runId) this.#close(runId)
    if (state === 'done' && !usage && (run.durationMs ?? 0) < NOTABLE_MS) return
    this.all.push(ended(run, common, usage))
  }

  #progress(runId: RunId, progress: Progress): void {
    if (this.#change(this.#users.get(runId), 'user', { progress })) return
    const head = this.#head(runId)
    if (head) head.progress = progress
  }

  /** The run is over: what it has not finished stays so. */
  #close(runId: RunId): void {
    for (const seq of this.#using.get(runId) ?? []) this.#change(seq, 'tool', { isOver: true })
    this.#using.delete(runId)
    this.#plans.delete(runId)
    this.#usage.delete(runId)
    this.#users.delete(runId)
    const head = this.#head(runId)
    if (head) head.isOver = true
  }

  #happened(event: ChatEvent, common: Common): void {
    const { runId } = common
    switch (event.kind) {
      case 'toolCall': {
        const { id, name, title, input } = event.payload
        const before = this.#find(this.#tools.get(toolKey(runId, id)), 'tool')
        if (before) {
          const change = { name, title: title ?? before.title, input: input ?? before.input }
          this.#change(before.seq, 'tool', change)
          return
        }
        this.#tools.set(toolKey(runId, id), common.seq)
        if (runId) this.#using.set(runId, [...(this.#using.get(runId) ?? []), common.seq])
        this.all.push({ ...common, kind: 'tool', name, title, input, result: undefined, isOver: false })
        return
      }
      case 'toolResult': {
        const { id, isError = false, output } = event.payload
        const key = toolKey(runId, id)
        const found = { result: { isError, output }, isOver: true }
        if (this.#change(this.#tools.get(key), 'tool', found)) return
        this.#results.set(key, [...(this.#results.get(key) ?? []), common.seq])
        this.all.push({ ...common, kind: 'tool', name: id, title: undefined, input: undefined, ...found })
        return
      }
      case 'plan': {
        const { steps } = event.payload
        if (runId && this.#change(this.#plans.get(runId), 'plan', { steps })) return
        if (runId) this.#plans.set(runId, common.seq)
        const head = this.#head(runId)
        if (head) head.plan ??= common.seq
        this.all.push({ ...common, kind: 'plan', steps })
        return
      }
      case 'usage':
        if (runId) this.#usage.set(runId, event.payload)
        this.#head(runId)
        return
      case 'raw':
        return this.#output(event.payload, common)
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

  /** Output goes behind that of the entry right before. */
  #output(
    { stream, text, truncated = false }: Extract<ChatEvent, { kind: 'raw' }>['payload'],
    common: Common,
  ): void {
    const { seq, runId } = common
    const last = this.all.at(-1)
    const isNext = this.#raw === seq - 1 && seq % RAW_ENTRIES !== 0
    const fits = last?.kind === 'raw' && last.stream === stream && last.runId === runId
    if (isNext && fits && last.text.length + text.length < RAW_CHARS) {
      const both = { text: `${last.text}\n${text}`, truncated: last.truncated || truncated }
      this.all[this.all.length - 1] = { ...last, ...both }
    } else {
      this.all.push({ ...common, kind: 'raw', stream, text, truncated })
    }
    this.#raw = seq
  }

  #answered(update: InteractionUpdate): void {
    const { interactionId: id } = update
    if (!this.#change(this.#asked.get(id), 'asked', { update })) this.#answers.set(id, update)
  }
}

/** Tools are counted by each run for itself. */
const toolKey = (runId: RunId | undefined, id: string): string => `${runId ?? ''} ${id}`

function ended(run: RunEvent, common: Common, usage: Usage | undefined): Row {
  const { state, reason, error, durationMs } = run
  return { ...common, kind: 'ended', state, reason, error, durationMs, usage }
}

/** Which day it is where the page is. */
class Days {
  #begin = 0
  #end = 0

  isSame(at: Timestamp): boolean {
    const time = Date.parse(at)
    return time >= this.#begin && time < this.#end
  }

  /** Whether it is another day than that of the one before. */
  isNew(at: Timestamp): boolean {
    if (this.isSame(at)) return false
    const day = new Date(at)
    this.#begin = day.setHours(0, 0, 0, 0)
    this.#end = day.setDate(day.getDate() + 1)
    return true
  }

  /** After those of the days before, if there has been none. */
  goOn(before: Days): void {
    if (this.#end === 0) [this.#begin, this.#end] = [before.#begin, before.#end]
  }
}
