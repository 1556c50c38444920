import { GAP_MS, WINDOW_MS, type Point } from './history'

/** A round number that is not smaller: 1, 2 or 5 with noughts, or a power of two for bytes. */
export function roundUp(value: number, base: 2 | 10): number {
  if (value <= 0) return 1
  const power = base ** Math.floor(Math.log(value) / Math.log(base))
  const steps = base === 2 ? [1, 1.5, 2] : [1, 2, 5, 10]
  // Logarithms are not exact at powers.
  return (steps.find((step) => step * power >= value) ?? 2 * base) * power
}

export interface Area {
  width: number
  height: number
}

/** Where a time is, from left to right; `now` is at the right edge. */
export function x(at: number, now: number, { width }: Area): number {
  return width * (1 - (now - at) / WINDOW_MS)
}

/** Where a value is, from the top down; `most` is at the top. */
export function y(value: number, most: number, { height }: Area): number {
  return height * (1 - Math.min(value, most) / most)
}

const round = (value: number): number => Math.round(value * 10) / 10

/** A line through the points. A single one is a short dash, or it would not be seen. */
export function line(points: readonly Point[], now: number, most: number, area: Area): string {
  const [first] = points
  if (!first) return ''
  const all = points.length === 1 ? [{ ...first, at: first.at - GAP_MS / 5 }, first] : points
  return all
    .map(
      ({ at, value }, i) => `${i === 0 ? 'M' : 'L'}${round(x(at, now, area))} ${round(y(value, most, area))}`,
    )
    .join('')
}

/** What is between a line and the bottom. */
export function below(points: readonly Point[], now: number, most: number, area: Area): string {
  const first = points[0]
  const last = points.at(-1)
  if (!first || !last || first === last) return ''
  const [left, right] = [x(first.at, now, area), x(last.at, now, area)].map(round)
  return `${line(points, now, most, area)}L${right} ${area.height}L${left} ${area.height}Z`
}
