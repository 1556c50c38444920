import type {
  AgentId,
  ConversationId,
  Epoch,
  ForwardedEvent,
  History,
  HistoryEnd,
  HistoryEvent,
  InteractionRequest,
  Joined,
  LiveEvent,
  Queue,
  QueuedRun,
  RunId,
  Seq,
} from '../protocol'
import { Rows } from './rows'

/** The text of an answer that is being written. */
export interface Writing {
  runId: RunId
  text: string
  /** Of the last piece that is in the text. */
  sequence: number
  /** Whether more was said than is shown. */
  truncated: boolean
  since: string
}

const LOGGED = new Set<string>([
  'chatMessage',
  'runEvent',
  'chatEvent',
  'interactionRequest',
  'interactionUpdate',
  'agentEvent',
  'agentChanged',
  'messageFilterResult',
] satisfies Array<HistoryEvent['event']>)

const ENDED = new Set<string>(['done', 'cancelled', 'failed'])

/** Entries that a log keeps while its end is looked at, and by how much it may have more. */
const MOST = 5_000
const SLACK = 1.2

const NO_QUEUE: Queue = { version: 0, running: [], queued: [] }

/**
 * A conversation's log as far as this page has it: a window of entries without a gap that ends with the newest, and what is live
 * besides. No I/O, no clock: the same events give the same log, however often they come and wherever the connection was lost
 * in between.
 */
export class Log {
  /** The life of the log that the entries are of. */
  epoch: Epoch | undefined
  /** In the order of `seq`. */
  readonly entries: HistoryEvent[] = []
  /** The entries as they are shown. */
  rows = new Rows()
  /** The newest entry that was seen: the cursor. */
  head: Seq = 0
  /** Whether there is more before the first entry. */
  hasOlder = false
  /** The replay is over: what follows is live. */
  isCurrent = false
  readonly writing = new Map<RunId, Writing>()
  queue: Queue = NO_QUEUE
  /** Those that wait for an answer. */
  readonly open = new Map<string, InteractionRequest>()
  /** Counts the windows that were begun: a page for another one is void. */
  life = 0
  /** Requests up to here that are open came with the acknowledgement of the join. */
  #known: Seq = 0

  constructor(
    readonly agentId: AgentId,
    readonly conversationId: ConversationId,
  ) {}

  /** What to ask for when joining: what was missed, at most the newest `limit`. */
  cursor(limit: number): { afterSeq?: Seq; epoch?: Epoch; limit: number } {
    return this.epoch === undefined ? { limit } : { afterSeq: this.head, epoch: this.epoch, limit }
  }

  /** The acknowledgement of the join; the replay follows. */
  joined(joined: Joined): void {
    const goesOn = this.epoch === joined.epoch && this.head <= joined.headSeq
    if (!goesOn) this.#beginAnew(joined.epoch)
    this.isCurrent = false
    // Who joins in the middle of an answer is given its text anew.
    this.writing.clear()
    this.queue = joined.queue
    this.#known = joined.headSeq
    this.open.clear()
    for (const interaction of joined.interactions) this.open.set(interaction.interactionId, interaction)
  }

  /** An event of the manager, whatever it is about. Whether it has changed anything. */
  receive(event: string, payload: unknown): boolean {
    const about = payload as { agentId?: AgentId; conversationId?: ConversationId; seq?: Seq } | null
    if (about?.conversationId !== this.conversationId) return false
    if (LOGGED.has(event) && about.seq !== undefined) return this.#append({ event, payload } as HistoryEvent)
    switch (event as ForwardedEvent['event']) {
      case 'chatEvent':
        return 'sequence' in about ? this.#write(payload as LiveEvent) : false
      case 'historyEnd':
        return this.#replayed(payload as HistoryEnd)
      case 'queueUpdate':
        return this.#queued(payload as Queue)
      case 'conversationUpdate': {
        const { action, epoch } = payload as { action: string; epoch?: Epoch }
        return action === 'cleared' && epoch !== this.epoch ? this.#beginAnew(epoch) : false
      }
      default:
        return false
    }
  }

  /** A page of what is before the first entry. Whether it is of this life of the log, and ends where the log begins. */
  older(page: History, life: number): boolean {
    if (life !== this.life || page.epoch !== this.epoch) return false
    const first = this.firstSeq
    const before = page.events.filter(({ payload }) => payload.seq < first)
    if (before.length > 0 && before.at(-1)?.payload.seq !== first - 1) return false
    this.rows.putBefore(before, this.entries)
    this.entries.unshift(...before)
    this.hasOlder = page.hasMore
    return true
  }

  /** Forgets the oldest entries if there are far more than `most`; they can be read again. Whether it has. */
  trim(most = MOST): boolean {
    if (this.entries.length <= most * SLACK) return false
    this.entries.splice(0, this.entries.length - most)
    this.rows = Rows.of(this.entries)
    this.hasOlder = true
    return true
  }

  /** The oldest entry that is there; behind the newest if none is. */
  get firstSeq(): Seq {
    return this.entries[0]?.payload.seq ?? this.head + 1
  }

  #append(entry: HistoryEvent): boolean {
    const { seq } = entry.payload
    if (seq <= this.head) return false
    if (seq !== this.head + 1) {
      // More was missed than is replayed. What is before the gap is read again when somebody scrolls there.
      this.#drop()
      this.hasOlder = true
    }
    this.entries.push(entry)
    this.rows.add(entry)
    this.head = seq
    this.#follow(entry)
    return true
  }

  /** What a stored entry means for what is live. */
  #follow({ event, payload }: HistoryEvent): void {
    if (event === 'chatMessage' && payload.from === 'agent' && payload.runId)
      this.writing.delete(payload.runId)
    if (event === 'runEvent' && payload.runId && ENDED.has(payload.state)) this.#over(payload.runId)
    if (event === 'interactionRequest' && payload.seq > this.#known)
      this.open.set(payload.interactionId, payload)
    if (event === 'interactionUpdate') this.open.delete(payload.interactionId)
  }

  /** The run has ended: it is in no queue any more, whatever was told of that before. */
  #over(runId: RunId): void {
    this.writing.delete(runId)
    const { version, running, queued } = this.queue
    const others = (runs: QueuedRun[]): QueuedRun[] => runs.filter((run) => run.runId !== runId)
    if ([...running, ...queued].some((run) => run.runId === runId)) {
      this.queue = { version, running: others(running), queued: others(queued) }
    }
  }

  #write({ runId, sequence, timestamp, kind, payload }: LiveEvent): boolean {
    const writing = this.writing.get(runId)
    const truncated = payload.truncated ?? false
    if (kind === 'assistantSnapshot') {
      if (writing && writing.sequence > sequence) return false
      this.writing.set(runId, {
        runId,
        text: payload.text,
        sequence,
        truncated,
        since: writing?.since ?? timestamp,
      })
    } else if (!writing) {
      this.writing.set(runId, { runId, text: payload.delta, sequence, truncated, since: timestamp })
    } else if (sequence > writing.sequence) {
      writing.text += payload.delta
      writing.sequence = sequence
      writing.truncated ||= truncated
    } else {
      return false
    }
    return true
  }

  #replayed(end: HistoryEnd): boolean {
    if (end.epoch !== this.epoch) this.#beginAnew(end.epoch)
    // What was not replayed up to here is not in the log any more, or is older than what was asked for.
    if (end.toSeq > this.head) {
      this.#drop()
      this.head = end.toSeq
      this.hasOlder = end.hasMore
    }
    this.isCurrent = true
    return true
  }

  #queued(queue: Queue): boolean {
    // The newest replaces all before; versions begin anew with a restart of the manager, which joins anew.
    const { version, running, queued } = queue
    this.queue = { version, running, queued }
    return true
  }

  #drop(): void {
    this.entries.length = 0
    this.rows = new Rows()
    this.life += 1
  }

  #beginAnew(epoch: Epoch | undefined): boolean {
    this.epoch = epoch
    this.#drop()
    this.head = 0
    this.hasOlder = false
    this.writing.clear()
    this.open.clear()
    this.#known = 0
    return true
  }
}
