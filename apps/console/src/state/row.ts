import type {
  FilterDirection,
  FilterStatus,
  InteractionRequest,
  InteractionUpdate,
  OutputStream,
  PlanStep,
  RunId,
  RunReason,
  RunState,
  Seq,
  Timestamp,
  Usage,
  ViewerId,
} from '../protocol'

export interface Common {
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
  since: Timestamp
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
