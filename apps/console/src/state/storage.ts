/** What this browser keeps: drafts, messages that wait, what was read, the theme. No secrets. It may be full, or not allowed. */
const PREFIX = 'longshore.'

let owner = ''

/** From here on {@link mine} is this user's. */
export function belongTo(user: string): void {
  owner = encodeURIComponent(user)
}

/** The key of something that is of the user who is logged in, and of nobody else who uses this browser. */
export const mine = (key: string): string => `${owner}/${key}`

/** Whether a key of the browser's own storage is that one of the user's. */
export const isKey = (raw: string | null, key: string): boolean => raw === PREFIX + mine(key)

/** Whether it could be kept. */
export function keep(key: string, value: unknown): boolean {
  try {
    localStorage.setItem(PREFIX + key, JSON.stringify(value))
    return true
  } catch {
    // The page goes on without; what it does not survive is a reload.
    return false
  }
}

export function forget(key: string): void {
  try {
    localStorage.removeItem(PREFIX + key)
  } catch {
    // As above.
  }
}

/** What was kept, if it is what `isValid` takes. */
export function kept<T>(key: string, isValid: (value: unknown) => value is T): T | undefined {
  try {
    const text = localStorage.getItem(PREFIX + key)
    const value: unknown = text === null ? undefined : JSON.parse(text)
    return isValid(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** The keys that begin so, without the prefix of all. */
export function keys(beginning: string): string[] {
  try {
    return Object.keys(localStorage)
      .filter((key) => key.startsWith(PREFIX + beginning))
      .map((key) => key.slice(PREFIX.length))
  } catch {
    return []
  }
}

export const isString = (value: unknown): value is string => typeof value === 'string'
export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
