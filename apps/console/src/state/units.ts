import { text } from '../text'

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB']

/** A number of bytes for people: in three digits or so, of the unit that it rounds to. */
export function bytes(count: number): string {
  let [value, unit] = [count, 0]
  while (value >= 1_023.5 && unit < UNITS.length - 1) [value, unit] = [value / 1_024, unit + 1]
  const maximumFractionDigits = unit > 0 && value < 9.95 ? 1 : 0
  return `${value.toLocaleString(undefined, { maximumFractionDigits })} ${UNITS[unit]}`
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
