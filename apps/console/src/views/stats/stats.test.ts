import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { append, pieces, range, sample, WINDOW_MS, type Sample } from './history'
import { below, line, roundUp, x, y } from './scale'

const at = (at: number, cpu: number | undefined = at): Sample => ({ at, cpu, memory: 1, processes: 1 })

describe('history', () => {
  test('what is measured', () => {
    const timestamp = '2025-01-01T00:00:00.000Z'
    const base = { agentId: 'a', timestamp }
    expect(sample({ ...base, status: { running: false } })).toEqual({
      at: 1_735_689_600_000,
      cpu: undefined,
      memory: undefined,
      processes: undefined,
    })
    const stats = { cpuPercent: 12.5, memoryBytes: 1024, processes: 3 }
    expect(sample({ ...base, status: { running: true }, stats })).toMatchObject({ cpu: 12.5, memory: 1024 })
  })

  test('ten minutes are kept, in order', () => {
    let all: readonly Sample[] = []
    for (let i = 0; i < 200; i += 1) all = append(all, at(i * 5_000))
    expect(all).toHaveLength(WINDOW_MS / 5_000)
    expect(append(all, at(5))).toBe(all)
    expect(append(all, at(NaN))).toBe(all)
  })

  test('it is bounded however fast they come', () => {
    let all: readonly Sample[] = []
    for (let i = 0; i < 1_000; i += 1) all = append(all, at(i))
    expect(all).toHaveLength(400)
  })

  test('pieces end where nothing was measured, and where nobody looked', () => {
    const samples = [at(0), at(5_000), at(10_000, undefined), at(15_000), at(60_000), at(65_000)]
    samples[2] = { ...samples[2]!, cpu: undefined }
    expect(pieces(samples, 'cpu').map((piece) => piece.map(({ at }) => at))).toEqual([
      [0, 5_000],
      [15_000],
      [60_000, 65_000],
    ])
    expect(pieces([], 'cpu')).toEqual([])
  })

  test('range', () => {
    expect(range([at(1), at(2), at(3)], 'cpu')).toEqual([1, 3])
    expect(range([], 'cpu')).toBeUndefined()
  })
})

describe('scale', () => {
  test('round numbers', () => {
    expect([0, 0.03, 1, 1.2, 7, 10, 99, 100, 101].map((value) => roundUp(value, 10))).toEqual([
      ...[1, 0.05, 1, 2, 10, 10],
      ...[100, 100, 200],
    ])
    expect([1, 1000, 1024, 1025, 1600].map((value) => roundUp(value, 2))).toEqual([1, 1024, 1024, 1536, 2048])
  })

  test('never below the value, and never far above it', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 1e-6, max: 1e15, noNaN: true }),
        fc.constantFrom<2 | 10>(2, 10),
        (value, base) => {
          const up = roundUp(value, base)
          expect(up).toBeGreaterThanOrEqual(value * (1 - 1e-9))
          expect(up).toBeLessThanOrEqual(value * 2.6)
        },
      ),
    )
  })

  const area = { width: 600, height: 100 }

  test('now is right, the top is the most', () => {
    expect([x(0, 0, area), x(-WINDOW_MS, 0, area), x(-WINDOW_MS / 2, 0, area)]).toEqual([600, 0, 300])
    expect([y(0, 10, area), y(10, 10, area), y(5, 10, area), y(99, 10, area)]).toEqual([100, 0, 50, 0])
  })

  test('lines and what is below them', () => {
    const points = [
      { at: -WINDOW_MS, value: 0 },
      { at: 0, value: 5 },
    ]
    expect(line(points, 0, 10, area)).toBe('M0 100L600 50')
    expect(below(points, 0, 10, area)).toBe('M0 100L600 50L600 100L0 100Z')
    expect(line([], 0, 10, area)).toBe('')
    expect(line(points.slice(1), 0, 10, area)).toBe('M597 50L600 50')
    expect(below(points.slice(1), 0, 10, area)).toBe('')
  })
})
