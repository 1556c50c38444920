import { text } from '../text'

const STEPS = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

/** A number of bytes, in three digits or so. */
export function bytes(count: number): string {
  let [value, step] = [count, 0]
  while (value >= 1_024 && step < STEPS.length - 1) [value, step] = [value / 1_024, step + 1]
  const digits = step > 0 && value < 10 ? 1 : 0
  return `${value.toLocaleString(undefined, { minimumFractionDigits: digits, maximumFractionDigits: digits })} ${STEPS[step]}`
}

/** A time in seconds, in the two largest units that it has. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds))
  const [minutes, hours, days] = [60, 3_600, 86_400].map((unit) => Math.floor(whole / unit)) as [
    number,
    number,
    number,
  ]
  if (days > 0) return text.units.days(days, hours % 24)
  if (hours > 0) return text.units.hours(hours, minutes % 60)
  if (minutes > 0) return text.units.minutes(minutes)
  return text.units.seconds(whole)
}
