import type { ContainerStats } from '../../protocol'

/** How far back it goes, in milliseconds. */
export const WINDOW_MS = 10 * 60_000
/** The server measures every 5 s; whoever comes may get one more. */
const MOST = 400
/** Numbers that are further apart are not joined: nobody looked meanwhile. */
export const GAP_MS = 15_000

export type Measure = 'cpu' | 'memory' | 'processes'

/** What was measured at a time, in milliseconds since 1970. A value is absent where there was nothing to measure. */
export interface Sample {
  at: number
  cpu: number | undefined
  memory: number | undefined
  processes: number | undefined
}

export interface Point {
  at: number
  value: number
}

export function sample({ timestamp, stats }: ContainerStats): Sample {
  return {
    at: Date.parse(timestamp),
    cpu: stats?.cpuPercent,
    memory: stats?.memoryBytes,
    processes: stats?.processes,
  }
}

/** The samples of the last ten minutes with one more. One that is not newer than the last is no news. */
export function append(samples: readonly Sample[], next: Sample): readonly Sample[] {
  const last = samples.at(-1)
  if (Number.isNaN(next.at) || (last && next.at <= last.at)) return samples
  return [...samples, next].filter(({ at }) => at > next.at - WINDOW_MS).slice(-MOST)
}

/** The values of one measure, in pieces without gaps. */
export function pieces(samples: readonly Sample[], measure: Measure): Point[][] {
  const all: Point[][] = []
  let piece: Point[] = []
  let before = -Infinity
  for (const { at, [measure]: value } of samples) {
    if (value === undefined || at - before > GAP_MS) piece = []
    if (value === undefined) continue
    if (piece.length === 0) all.push(piece)
    piece.push({ at, value })
    before = at
  }
  return all
}

/** The smallest and the greatest value; nothing where there is none. */
export function range(samples: readonly Sample[], measure: Measure): [number, number] | undefined {
  const values = samples.map(({ [measure]: value }) => value).filter((value) => value !== undefined)
  return values.length === 0 ? undefined : [Math.min(...values), Math.max(...values)]
}
