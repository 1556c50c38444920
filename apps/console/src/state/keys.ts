/** What can be done by keys alone. */
export type Shortcut =
  'palette' | 'previous' | 'next' | 'close' | 'send' | 'sendAlways' | 'newline' | 'recall'

interface Keys {
  /** As `KeyboardEvent.key`, in lower case. */
  key: string
  /** Ctrl, or ⌘ on a Mac. */
  main?: boolean
  alt?: boolean
  shift?: boolean
}

/** All of them, in the order in which people are told. Those from `send` on are the composer's. */
export const KEYS: Readonly<Record<Shortcut, Keys>> = {
  palette: { key: 'k', main: true },
  previous: { key: 'arrowup', alt: true },
  next: { key: 'arrowdown', alt: true },
  close: { key: 'escape' },
  send: { key: 'enter' },
  sendAlways: { key: 'enter', main: true },
  newline: { key: 'enter', shift: true },
  recall: { key: 'arrowup' },
}

type Pressed = Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey'>

/** Whether these keys, and no others, were pressed. */
export function isPressed(shortcut: Shortcut, event: Pressed): boolean {
  const { key, main = false, alt = false, shift = false } = KEYS[shortcut]
  return (
    event.key.toLowerCase() === key &&
    (event.ctrlKey || event.metaKey) === main &&
    event.altKey === alt &&
    event.shiftKey === shift
  )
}

/** What Enter does where one writes. Keyboards on glass have no Shift+Enter, so that it begins a new line there. */
export function enter(event: Pressed, isTouch: boolean): 'send' | 'newline' | undefined {
  if (event.key !== 'Enter') return undefined
  if (isPressed('sendAlways', event)) return 'send'
  return isPressed('send', event) && !isTouch ? 'send' : 'newline'
}

const NAMES: Record<string, string> = { arrowup: '↑', arrowdown: '↓', escape: 'Esc', enter: 'Enter' }

/** What is written on the keys, one by one. */
export function labels(shortcut: Shortcut, isMac: boolean): string[] {
  const { key, main, alt, shift } = KEYS[shortcut]
  return [
    ...(main ? [isMac ? '⌘' : 'Ctrl'] : []),
    ...(alt ? [isMac ? '⌥' : 'Alt'] : []),
    ...(shift ? [isMac ? '⇧' : 'Shift'] : []),
    NAMES[key] ?? key.toUpperCase(),
  ]
}
